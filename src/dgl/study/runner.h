#pragma once

#include <filesystem>
#include <vector>

#include "dgl/study/study.h"

namespace dgl {

/// How a study is run.
struct StudyOptions {
  int64_t jobs = 0;     ///< runs at a time; 0: as many as the cores allow, one on a GPU
  int64_t threads = 1;  ///< of each run
  std::string device = "auto";
  bool quiet = false;
  std::vector<std::string> arms;            ///< to run of the study's; none: all of them
  std::vector<int64_t> seeds;               ///< to run of the study's; none: all of them
  std::vector<std::filesystem::path> with;  ///< results.json of runs made elsewhere, counted in
};

/// How far a run is.
struct RunStatus {
  enum State { kToDo, kBegun, kDone } state = kToDo;
  double kimg = 0;               ///< shown so far
  double kimg_total = 0;         ///< to be shown
  double images_per_second = 0;  ///< of training, as logged; 0: none yet
};

/// Reads how far a run of a study is from its folder.
RunStatus standing_of(const StudyRun& run);

/// Runs what remains of a study in `out`, a program of its own for every run, and writes results.json and report.html
/// there. Runs that are done stay, those that were cut off go on. One that fails (a divergence) does not hold up the
/// others. Returns 0, or 130 or 143 when a signal ended it after checkpoints. Error when runs failed, or when `out`
/// holds runs of other recipes.
int run_study(const Study& study, const std::filesystem::path& out, const StudyOptions& options);

/// What `dgl study --list` prints: each run, how far it is, and the time left for all at the speed of those that ran.
std::string list_study(const Study& study, const std::filesystem::path& out, const StudyOptions& options);

}  // namespace dgl
