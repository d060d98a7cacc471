#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/cli/cli.h"
#include "temporary_folder.h"

namespace dgl::test {

/// What became of a run of the program.
struct Outcome {
  int status = -1;  ///< exit status; 128 + the signal that ended it
  std::string out, err;
};

/// This process computes on one thread, since its copies could not use the threads of a pool.
inline const bool kOnOneThread = (at::set_num_threads(1), true);

/// Runs the program in `folder`, on one thread, as a process of its own. Loading libtorch takes longer than most of
/// what tests ask for, so that the process is a copy of this one, which has loaded it, where that makes no difference.
/// build/dgl itself runs where the program starts itself again or `variables` are to be in its environment.
class Program {
 public:
  explicit Program(const TemporaryFolder& folder) : folder_(folder) {}

  Outcome operator()(const std::vector<std::string>& arguments) const {
    const pid_t child = start(arguments);
    return wait(child);
  }

  /// Starts it and returns its process. `variables` ("NAME=VALUE") are added to its environment; what it prints goes
  /// into the files stdout and stderr with `suffix` behind their names.
  pid_t start(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {},
              const std::string& suffix = "") const {
    std::vector<std::string> words{DGL_BINARY};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.push_back("--threads=1");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string out = (folder_ / ("stdout" + suffix)).string(), err = (folder_ / ("stderr" + suffix)).string();
    const std::string where = folder_.path().string();
    const bool copies = arguments.empty() || (arguments[0] != "study" && variables.empty());
    std::fflush(nullptr);  // or the copy would write it again
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(where.c_str()) != 0) ::_exit(99);
      for (const std::string& variable : variables) ::putenv(const_cast<char*>(variable.c_str()));
      ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
      ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
      if (copies) {
        const int status = run_cli(static_cast<int>(words.size()), argv.data());
        std::fflush(nullptr);
        ::_exit(status);
      }
      ::execv(argv[0], argv.data());
      ::_exit(99);
    }
    return child;
  }

  Outcome wait(pid_t child, const std::string& suffix = "") const {
    int raw = 0;
    ::waitpid(child, &raw, 0);
    Outcome outcome;
    outcome.status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    outcome.out = read_file(folder_ / ("stdout" + suffix));
    outcome.err = read_file(folder_ / ("stderr" + suffix));
    return outcome;
  }

 private:
  const TemporaryFolder& folder_;
};

/// An IDX file of `count` 28 x 28 images, each a bright square whose place tells its label (0 or 1), and its labels.
inline void put_squares(const TemporaryFolder& folder, int count) {
  const auto big_endian = [](uint32_t v) {
    return std::string{static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
                       static_cast<char>(v)};
  };
  const auto n = static_cast<uint32_t>(count);
  std::string images = big_endian(0x803) + big_endian(n) + big_endian(28) + big_endian(28);
  std::string labels = big_endian(0x801) + big_endian(n);
  for (int i = 0; i < count; ++i) {
    std::string pixels(28 * 28, '\0');
    const int label = i % 2, left = label ? 14 : 4, top = 6 + i % 5;
    for (int y = top; y < top + 10; ++y) {
      for (int x = left; x < left + 10; ++x) pixels[static_cast<size_t>(y * 28 + x)] = static_cast<char>(200 + i % 50);
    }
    images += pixels;
    labels += static_cast<char>(label);
  }
  folder.put("squares/train-images-idx3-ubyte", images);
  folder.put("squares/train-labels-idx1-ubyte", labels);
}

}  // namespace dgl::test
