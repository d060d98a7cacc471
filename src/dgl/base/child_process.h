#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// Returns the path of the running executable, /proc/self/exe. It is valid even if the file was replaced.
std::string own_program();

/// A program that runs beside this one. It has a process group of its own, so that a terminal's interrupt does not
/// reach it. It receives SIGTERM when the thread that started it ends, and so whenever this process ends.
class ChildProcess {
 public:
  /// Starts `words[0]` with the other words as its arguments. Appends its output to the file `output`. Throws Error if
  /// `output` cannot be opened or no process can be created. If `words[0]` cannot be executed, the status is 127.
  ChildProcess(const std::vector<std::string>& words, const std::filesystem::path& output);
  ChildProcess(ChildProcess&& other) noexcept : pid_(other.pid_), status_(other.status_) { other.pid_ = 0; }
  ChildProcess& operator=(ChildProcess&&) = delete;
  /// Sends SIGTERM and waits for the program to end, if it has not ended yet.
  ~ChildProcess();

  /// Returns the exit status (128 + the signal if a signal ended it), or nothing if the program still runs. Does not
  /// wait.
  std::optional<int> status();
  /// Asks the program to end (SIGTERM).
  void terminate() const;

 private:
  pid_t pid_ = 0;
  std::optional<int> status_;
};

}  // namespace dgl
