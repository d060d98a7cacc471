#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dgl/study/study.h"

namespace dgl {

/// Options of a study's execution.
struct StudyOptions {
  int64_t jobs = 0;     ///< concurrent runs; 0: one per `threads` cores, or one on a GPU
  int64_t threads = 1;  ///< threads of each run
  std::string device = "auto";
  bool quiet = false;
  std::vector<std::string> arms;            ///< arms to run; empty: all
  std::vector<int64_t> seeds;               ///< seeds to run; empty: all
  std::vector<std::filesystem::path> with;  ///< results.json of runs made elsewhere, to include
};

/// The progress of a run.
struct RunStatus {
  enum State { kToDo, kBegun, kDone } state = kToDo;
  double kimg = 0;               ///< thousands of images shown so far
  double kimg_total = 0;         ///< thousands of images of the whole run
  double images_per_second = 0;  ///< mean training speed in the log; 0: not logged yet
};

/// Reads the progress of a run from its folder.
RunStatus standing_of(const StudyRun& run);

/// Runs the remaining runs of a study in `out`, each in its own process, and writes results.json and report.html there.
/// Finished runs are kept, and interrupted runs are resumed. A run that fails (a divergence) does not stop the others.
/// Returns 0, or 130 or 143 if a signal ended it after checkpoints. Throws Error if runs failed, or if `out` holds runs
/// of other recipes.
int run_study(const Study& study, const std::filesystem::path& out, const StudyOptions& options);

/// Returns the output of `dgl study --list`: the progress of each run, and the time left for all at the speed so far.
std::string list_study(const Study& study, const std::filesystem::path& out, const StudyOptions& options);

}  // namespace dgl
