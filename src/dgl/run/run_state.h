#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace dgl {

/// Sums of reported figures between two log lines.
struct Averages {
  std::map<std::string, double> sum;
  std::map<std::string, int64_t> count;

  void add(const std::string& name, double value);
  nlohmann::json means() const;
};

/// What became of one stage.
struct StageRecord {
  int64_t stage = 0;
  std::string name;
  double lambda = 0;
  double kimg_start = 0, kimg_end = 0;
  double seconds = 0;
  double fd_end = -1, fd_best = -1, kimg_best = 0;  ///< -1: not measured
};

/// Where a run stands, but for the tensors: with them and the recipe, all that the rest of the run depends on.
struct RunState {
  int64_t stage = 1;         ///< 1, 2, …
  int64_t step = 0;          ///< over all stages
  int64_t images = 0;        ///< real images shown over all stages
  int64_t stage_images = 0;  ///< in this stage
  int64_t ticks = 0;         ///< checkpoints reached in this stage
  int64_t retries = 0;       ///< how often the run went back after a divergence
  double seconds = 0;        ///< spent training, over all interruptions
  uint64_t log_bytes = 0;
  double best_fd = -1, best_kimg = 0;  ///< of the run so far; -1: none
  int64_t best_stage = 0;
  Averages losses, scores;
  double tick_seconds = 0;
  int64_t tick_images = 0;
  std::vector<StageRecord> stages;

  nlohmann::json to_json() const;
  /// Error (naming `origin`) if `json` is not what to_json gives.
  static RunState from_json(const nlohmann::json& json, const std::string& origin);
};

}  // namespace dgl
