#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// This program's own image, to be started once more: the same even where its file has been replaced since.
std::string own_program();

/// A program that runs beside this one, in a process group of its own, so that a terminal's interrupt does not reach
/// it. It is sent SIGTERM when this process ends, however that comes about.
class ChildProcess {
 public:
  /// Starts `words[0]` with the other words as its arguments; what it prints is appended to the file `output`.
  /// Error where it cannot be started.
  ChildProcess(const std::vector<std::string>& words, const std::filesystem::path& output);
  ChildProcess(ChildProcess&& other) noexcept : pid_(other.pid_), status_(other.status_) { other.pid_ = 0; }
  ChildProcess& operator=(ChildProcess&&) = delete;
  /// Sends it SIGTERM and waits, where it has not ended.
  ~ChildProcess();

  /// Its exit status once it has ended (128 + the signal that ended it); nothing before. Does not wait.
  std::optional<int> status();
  /// Asks it to end (SIGTERM).
  void terminate() const;

 private:
  pid_t pid_ = 0;
  std::optional<int> status_;
};

}  // namespace dgl
