#pragma once

#include <cstdint>
#include <string>

namespace dgl {

/// Progress display on stderr. On a terminal update() redraws one line in place. Elsewhere only print() writes.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();

  /// Shows `line` in place of the last one, at most five times a second. Does nothing if stderr is not a terminal.
  void update(const std::string& line);
  /// Prints a permanent line.
  void print(const std::string& line);

 private:
  bool quiet_, terminal_;
  double last_ = 0;
  bool open_ = false;
};

/// Returns "real images  [#######---------------------]  12500 / 50000, 31.2 a second, 20:02 left".
std::string progress_bar(const std::string& what, int64_t done, int64_t total, double seconds);

/// Returns a duration as "42 s", "3:07" or "1:02:45".
std::string duration_text(double seconds);

}  // namespace dgl
