#include "dgl/report/tensorboard.h"

#include <sys/stat.h>

#include <cmath>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/report/pictures.h"
#include "dgl/run/event_log.h"
#include "dgl/run/run_log.h"

namespace dgl {

namespace {

/// A line of the log as an event.
struct LoggedStep {
  int64_t images = 0;
  double seconds = 0;
  EventScalars scalars;
};

std::vector<LoggedStep> read_steps(const fs::path& log) {
  std::vector<LoggedStep> steps;
  for_each_log_line(log, [&](const TableReader& line, const std::string& where) {
    const auto kimg = line.number("kimg");
    if (!kimg || !(*kimg >= 0 && *kimg < 1e12)) fail_file("{}: key kimg: expected a number of 0 or more", where);
    const double before = steps.empty() ? 0 : steps.back().seconds;
    steps.push_back({std::llround(*kimg * 1000), line.number("seconds").value_or(before), log_scalars(line)});
  });
  return steps;
}

/// The seconds since 1970 at which a file was last written.
double time_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

}  // namespace

int64_t export_events(const fs::path& run, const fs::path& folder) {
  const fs::path log = run / "log.jsonl";
  if (!fs::is_directory(run) || !fs::exists(log)) fail("{}: not a run directory: it has no log.jsonl", run.string());
  EventLog events(folder);
  if (!events.empty()) fail("{}: holds event files already", folder.string());
  const std::vector<LoggedStep> steps = read_steps(log);
  const double end = time_of(log), begin = steps.empty() ? end : end - steps.back().seconds;
  struct Grid {
    std::string tag;
    fs::path path;
  };
  const auto picture = [&](const std::string& name) { return run / "samples" / (name + ".png"); };
  const auto grid_of = [](const LoggedStep& step) { return fmt::format("{:06d}", step.images / 1000); };
  // What is damaged is found before anything is written.
  std::vector<Grid> fixed;
  for (const std::string name : {"real", "teacher"}) {
    if (read_picture(picture(name))) fixed.push_back({name, picture(name)});
  }
  std::vector<bool> has_grid;
  for (size_t i = 0; i < steps.size(); ++i) {
    // A grid has the name of its thousand of images, of which the last line's is left.
    const bool last = i + 1 == steps.size() || grid_of(steps[i + 1]) != grid_of(steps[i]);
    has_grid.push_back(last && read_picture(picture(grid_of(steps[i]))).has_value());
  }
  for (const Grid& grid : fixed) events.add_png(begin, 0, grid.tag, read_picture(grid.path)->file);
  for (size_t i = 0; i < steps.size(); ++i) {
    const double time = begin + steps[i].seconds;
    events.add_scalars(time, steps[i].images, steps[i].scalars);
    if (has_grid[i]) events.add_png(time, steps[i].images, "samples", read_picture(picture(grid_of(steps[i])))->file);
  }
  return static_cast<int64_t>(steps.size());
}

}  // namespace dgl
