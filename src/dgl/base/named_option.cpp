#include "dgl/base/named_option.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "dgl/base/error.h"

namespace dgl {

double parse_number(const std::string& text, const std::string& key) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    fail("{}: \"{}\" is not a number", key, text);
  }
  return value;
}

std::vector<int64_t> parse_whole_numbers(const std::string& text, const std::string& key) {
  std::vector<int64_t> numbers;
  for (size_t start = 0; start < text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    int64_t value = 0;
    const char* const last = text.data() + comma;
    const auto [end, error] = std::from_chars(text.data() + start, last, value);
    if (error != std::errc() || end != last || value < 1 || comma + 1 == text.size()) {
      fail("{} = \"{}\": expected whole numbers above 0, as \"1,2,4\"", key, text);
    }
    numbers.push_back(value);
    start = comma + 1;
  }
  return numbers;
}

NamedOption parse_named_option(const std::string& text) {
  const size_t colon = text.find(':');
  NamedOption choice{text.substr(0, colon), {}};
  if (colon == std::string::npos) return choice;
  for (size_t start = colon + 1;;) {
    const size_t comma = text.find(',', start);
    choice.arguments.push_back(text.substr(start, comma == std::string::npos ? comma : comma - start));
    if (comma == std::string::npos) return choice;
    start = comma + 1;
  }
}

double NamedOption::number(size_t i, double default_value, double low, double high, const std::string& key) const {
  if (i >= arguments.size()) return default_value;
  const double value = parse_number(arguments[i], key);
  if (!(value >= low && value <= high)) fail("{}: {} of {}: expected {} to {}", key, value, name, low, high);
  return value;
}

void NamedOption::expect_at_most(size_t most, const std::string& key) const {
  if (arguments.size() > most) fail("{}: {} takes at most {} numbers, got {}", key, name, most, arguments.size());
}

}  // namespace dgl
