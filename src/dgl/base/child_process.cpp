#include "dgl/base/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "dgl/base/error.h"

namespace dgl {

namespace fs = std::filesystem;

std::string own_program() { return "/proc/self/exe"; }

ChildProcess::ChildProcess(const std::vector<std::string>& words, const fs::path& output) {
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) fail("{}: cannot be written: {}", output.string(), std::strerror(errno));
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    // Only system calls are safe between fork and exec, since other threads may have held locks at the fork.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    const int in = ::open("/dev/null", O_RDONLY);
    if (in >= 0) ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  const int why = errno;
  ::close(out);
  if (pid_ < 0) {
    pid_ = 0;
    fail("{}: cannot be started: {}", words[0], std::strerror(why));
  }
}

ChildProcess::~ChildProcess() {
  if (pid_ == 0 || status_) return;
  terminate();
  int raw = 0;
  while (::waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> ChildProcess::status() {
  if (status_) return status_;
  int raw = 0;
  const pid_t ended = ::waitpid(pid_, &raw, WNOHANG);
  if (ended == pid_) status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

void ChildProcess::terminate() const { ::kill(pid_, SIGTERM); }

}  // namespace dgl
