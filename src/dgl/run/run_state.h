#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// Sums of logged values between two log lines.
struct Averages {
  std::map<std::string, double> sum;
  std::map<std::string, int64_t> count;

  void add(const std::string& name, double value);
  nlohmann::json means() const;
};

/// How one discriminator told real images from the student's.
struct JudgeScores {
  std::string name;              ///< "teacher", "teacher 2", …, "own" or "held-out"
  double auc = 0;                ///< area under the ROC curve, 0 … 1: 0.5 if it could not tell them
  std::array<double, 2> real{};  ///< bounds of the middle nine tenths of its scores of real images
  std::array<double, 2> fake{};  ///< and of the student's
};

/// The result of one stage.
struct StageRecord {
  int64_t stage = 0;
  std::string name;
  double lambda = 0;
  double kimg_start = 0, kimg_end = 0;
  double seconds = 0;                                 ///< training time, without evaluations
  double fd_end = -1, fd_best = -1, kimg_best = 0;    ///< -1: not measured
  double cpu_seconds = 0;                             ///< processor seconds, over all threads; -1: not known
  std::vector<JudgeScores> judges_start, judges_end;  ///< of a guided stage
};

/// The progress of a run without its tensors. Together with the tensors and the recipe, it determines the rest of the
/// run.
struct RunState {
  int64_t stage = 1;         ///< number of the stage: 1, 2, …
  int64_t step = 0;          ///< steps over all stages
  int64_t images = 0;        ///< real images shown over all stages
  int64_t stage_images = 0;  ///< real images shown in this stage
  int64_t ticks = 0;         ///< checkpoints reached in this stage
  int64_t retries = 0;       ///< number of restarts after a divergence
  double seconds = 0;        ///< training time, over all interruptions, without evaluations
  /// Processor seconds of the same, summed over the threads of this process; -1: not known, as on a GPU, of which they
  /// say nothing, and in a run that a version without them began.
  double cpu_seconds = 0;
  uint64_t log_bytes = 0;
  double best_fd = -1, best_kimg = 0;  ///< best distance of the run so far; -1: none
  int64_t best_stage = 0;
  Averages losses, scores;
  double tick_seconds = 0;
  int64_t tick_images = 0;
  std::vector<StageRecord> stages;

  /// Adds the time of a step to the run and its current stage. `processor_seconds` is empty if it says
  /// nothing of the work.
  void add_time(double wall_seconds, std::optional<double> processor_seconds);

  nlohmann::json to_json() const;
  /// Reads a result of to_json(), of an earlier version too. Throws Error, naming `origin`, if `json` is not a result
  /// of to_json().
  static RunState from_json(const nlohmann::json& json, const std::string& origin);
};

}  // namespace dgl
