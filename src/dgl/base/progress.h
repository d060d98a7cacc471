#pragma once

#include <cstdint>
#include <string>

namespace dgl {

/// Progress for people, on stderr: one line in place on a terminal, and nothing between ticks elsewhere.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();

  /// Shows `line` in place of the last one, at most about five times a second; a no-op where there is no terminal.
  void update(const std::string& line);
  /// Prints a line that stays.
  void print(const std::string& line);

 private:
  bool quiet_, terminal_;
  double last_ = 0;
  bool open_ = false;
};

/// "real images  [#######---------------------]  12500 / 50000, 31.2 a second, 20:02 left".
std::string progress_bar(const std::string& what, int64_t done, int64_t total, double seconds);

/// "42 s", "3:07", "1:02:45".
std::string duration_text(double seconds);

}  // namespace dgl
