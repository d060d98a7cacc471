#include "dgl/cli/number_list.h"

#include <charconv>
#include <string_view>

#include "dgl/base/error.h"

namespace dgl {

std::vector<int64_t> parse_number_list(const std::string& text, const std::string& option, size_t most) {
  const auto wrong = [&] { fail("{} {}: expected numbers such as 1,5,9-12", option, text); };
  const char *at = text.data(), *end = text.data() + text.size();
  const auto number = [&] {
    int64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || *at == '-') wrong();
    at = next;
    return value;
  };
  std::vector<int64_t> numbers;
  for (;;) {
    const int64_t first = number();
    int64_t last = first;
    if (at != end && *at == '-') {
      ++at;
      last = number();
    }
    if (last < first) fail("{} {}: the range {}-{} ends before it begins", option, text, first, last);
    if (static_cast<uint64_t>(last - first) >= most - numbers.size()) {
      fail("{} {}: expected at most {} numbers", option, text, most);
    }
    for (int64_t value = first; value < last; ++value) numbers.push_back(value);
    numbers.push_back(last);
    if (at == end) return numbers;
    if (*at++ != ',') wrong();
  }
}

}  // namespace dgl
