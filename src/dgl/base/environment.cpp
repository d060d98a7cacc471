#include "dgl/base/environment.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "dgl/base/error.h"

namespace dgl {

std::optional<int64_t> environment_number(const char* name, int64_t low, int64_t high) {
  const char* text = std::getenv(name);
  if (!text) return {};
  int64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || rest != end || value < low || value > high) {
    fail("{} = \"{}\": expected a number from {} to {}", name, text, low, high);
  }
  return value;
}

}  // namespace dgl
