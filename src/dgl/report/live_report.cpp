#include "dgl/report/live_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/hash.h"
#include "dgl/report/html.h"
#include "dgl/report/report.h"

extern "C" {
extern const char dgl_live_html[], dgl_live_html_end[];
}

namespace dgl {

namespace fs = std::filesystem;

namespace {

/// Of the page around the report: its own script may ask for the state and show the report.
constexpr const char* kLivePolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "frame-src 'self'";
/// Of the report, which asks for nothing and may stand in that page.
constexpr const char* kReportPolicy =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'self'";

}  // namespace

LiveReport::LiveReport(fs::path run) : run_(std::move(run)), version_(current_version()), page_(report_page(run_)) {}

std::string LiveReport::current_version() const {
  std::vector<fs::path> files{run_ / "log.jsonl", run_ / "summary.json", run_ / "recipe.toml"};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run_ / "samples", error)) {
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const fs::path& file : files) {
    const auto size = fs::file_size(file, error);
    if (error) continue;
    const auto time = fs::last_write_time(file, error).time_since_epoch().count();
    all += fmt::format("{} {} {}\n", file.filename().string(), size, time);
  }
  return hex64(xxh64(all.data(), all.size()));
}

std::string LiveReport::refresh() {
  const std::string version = current_version();
  if (version == version_) return "";
  try {
    page_ = report_page(run_);
    version_ = version;
    return "";
  } catch (const std::exception& error) {
    return first_line(error.what());
  }
}

HttpAnswer LiveReport::answer(const std::string& path) {
  if (path == "/") {
    return {.content = std::string(dgl_live_html, dgl_live_html_end), .policy = kLivePolicy};
  }
  if (path == "/report.html") return {.content = page_, .policy = kReportPolicy};
  if (path == "/state") {
    const std::string why = refresh();
    nlohmann::json state = {{"version", version_}};
    if (!why.empty()) state["error"] = why;
    return {.type = "application/json", .content = script_json(state)};
  }
  return {.status = 404, .type = "text/plain; charset=utf-8", .content = "There is no such page.\n"};
}

}  // namespace dgl
