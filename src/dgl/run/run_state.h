#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
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

/// The result of one stage.
struct StageRecord {
  int64_t stage = 0;
  std::string name;
  double lambda = 0;
  double kimg_start = 0, kimg_end = 0;
  double seconds = 0;
  double fd_end = -1, fd_best = -1, kimg_best = 0;  ///< -1: not measured
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
  double seconds = 0;        ///< training time, over all interruptions
  uint64_t log_bytes = 0;
  double best_fd = -1, best_kimg = 0;  ///< best distance of the run so far; -1: none
  int64_t best_stage = 0;
  Averages losses, scores;
  double tick_seconds = 0;
  int64_t tick_images = 0;
  std::vector<StageRecord> stages;

  nlohmann::json to_json() const;
  /// Throws Error, naming `origin`, if `json` is not a result of to_json().
  static RunState from_json(const nlohmann::json& json, const std::string& origin);
};

}  // namespace dgl
