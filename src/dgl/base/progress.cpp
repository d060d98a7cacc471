#include "dgl/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "dgl/base/runtime.h"

namespace dgl {

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (open_) fmt::print(stderr, "\n");
}

void Progress::update(const std::string& line) {
  if (quiet_ || !terminal_ || now_seconds() - last_ < 0.2) return;
  last_ = now_seconds();
  fmt::print(stderr, "\r\033[K{}", line);
  std::fflush(stderr);
  open_ = true;
}

void Progress::print(const std::string& line) {
  if (quiet_) return;
  fmt::print(stderr, "{}{}\n", open_ ? "\r\033[K" : "", line);
  std::fflush(stderr);
  open_ = false;
}

std::string progress_bar(const std::string& what, int64_t done, int64_t total, double seconds) {
  constexpr int64_t kWidth = 28;
  const auto filled = static_cast<size_t>(kWidth * done / total);
  std::string line = fmt::format("{}  [{}{}]  {} / {}", what, std::string(filled, '#'),
                                 std::string(static_cast<size_t>(kWidth) - filled, '-'), done, total);
  if (done > 0 && seconds > 0) {
    const double rate = static_cast<double>(done) / seconds;
    line += fmt::format(", {:.1f} a second, {} left", rate, duration_text(static_cast<double>(total - done) / rate));
  }
  return line;
}

std::string duration_text(double seconds) {
  const auto s = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02d}", s / 60, s % 60);
  return fmt::format("{}:{:02d}:{:02d}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace dgl
