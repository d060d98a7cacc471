#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>  // join, from version 11 on

#include <stdexcept>
#include <string>
#include <utility>

namespace dgl {

/// An error with a one-line message, which names the file, the key or the tensor and says what was expected. The
/// command line prints it as `dgl: error: …` and exits with status 1. This class itself reports bad input: an invalid
/// key, option or argument, or inputs that do not fit each other. Derived classes report other errors.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file that is missing, damaged, of an unexpected format or not writable.
class FileError : public Error {
 public:
  using Error::Error;
};

/// A loss or a gradient that diverged, so that training cannot continue.
class DivergenceError : public Error {
 public:
  using Error::Error;
};

/// A bug in this program, not in its input.
class InternalError : public Error {
 public:
  using Error::Error;
};

/// Wrong usage of the command line (exit status 2).
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Returns the text before the first line break. It shortens messages of other libraries to one line.
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
