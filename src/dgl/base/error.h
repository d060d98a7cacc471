#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace dgl {

/// What went wrong, in one line that names the file, the key or the tensor and says what was expected. The command line
/// prints it as `dgl: error: …` and ends with status 1. This class itself stands for bad input: a key, an option or an
/// argument that is not what it must be, or inputs that do not fit each other. Other kinds are derived from it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file that is missing, damaged or of another format than its reader's, or that cannot be written.
class FileError : public Error {
 public:
  using Error::Error;
};

/// A loss or a gradient with which training cannot go on.
class DivergenceError : public Error {
 public:
  using Error::Error;
};

/// A fault of this program, not of what it was given.
class InternalError : public Error {
 public:
  using Error::Error;
};

/// Wrong usage of the command line itself (status 2).
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Everything before the first line break: of what other libraries say of their errors.
inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Throws FileError with a formatted message.
template <class... Args>
[[noreturn]] void fail_file(fmt::format_string<Args...> format, Args&&... args) {
  throw FileError(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error with a formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dgl
