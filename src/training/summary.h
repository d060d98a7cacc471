#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "data/dataset.h"
#include "nets/model.h"
#include "training/recipe.h"
#include "training/run_state.h"

namespace dgl {

/// What the summary of a finished run is made from.
struct SummaryInput {
  Recipe recipe;
  RunState state;
  DatasetInfo data;
  std::vector<int64_t> row_labels;  ///< of the rows of sample grids; empty without labels
  torch::Device device = torch::kCPU;
  int64_t processes = 1;
  const Model* result = nullptr;
  const Model* teacher = nullptr;  ///< null for a run without one
  std::string metric;              ///< name of the distance; empty: none was measured
  std::optional<double> result_distance, teacher_distance;
};

/// summary.json of a run (docs/formats.md): stages, result, and size, cost, latency and distance of student and
/// teacher.
nlohmann::json summarise(const SummaryInput& input);

/// The summary as a small table for the terminal.
std::string summary_table(const nlohmann::json& summary);

/// The command line that makes the same run again.
std::string remake_command(const Recipe& recipe);

}  // namespace dgl
