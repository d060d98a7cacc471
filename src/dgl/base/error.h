#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace dgl {

/// What went wrong with the user's input, in one line that names the file, the key or the tensor and says what was
/// expected. The command line prints it as `dgl: error: …` and ends with status 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Wrong usage of the command line itself (status 2).
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Everything before the first line break: of what other libraries say of their errors.
inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dgl
