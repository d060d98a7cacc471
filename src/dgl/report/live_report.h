#pragma once

#include <filesystem>
#include <string>

#include "dgl/base/local_http_server.h"

namespace dgl {

/// The report of a run that may still train, for a browser that asks again and again. It only reads the run: nothing is
/// written, and of its files only what the report shows leaves it.
class LiveReport {
 public:
  /// Throws Error if RUN is not a run directory or its report cannot be made.
  explicit LiveReport(std::filesystem::path run);

  /// Answers the paths that there are: "/", a page that shows the report and exchanges it for a newer one without
  /// losing the reader's place; "/report.html", the report as of the last "/state"; "/state", JSON with the report's
  /// "version", another one once log, grids or summary have changed, and an "error" if the run cannot be read just now.
  /// Status 404 for all others: no path is ever looked up as a file.
  HttpAnswer answer(const std::string& path);

 private:
  /// A hash of the names, sizes and times of the files that the report shows.
  std::string current_version() const;
  /// Makes the report anew if the run has changed. Returns why that failed, or "".
  std::string refresh();

  std::filesystem::path run_;
  std::string version_, page_;
};

}  // namespace dgl
