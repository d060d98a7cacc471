#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dgl/data/dataset.h"
#include "dgl/nn/network_set.h"
#include "dgl/recipe/recipe.h"
#include "dgl/run/run_state.h"

namespace dgl {

/// What the summary of a finished run is made from.
struct SummaryInput {
  Recipe recipe;
  RunState state;
  DatasetInfo data;
  std::vector<int64_t> row_labels;  ///< of the rows of sample grids; empty without labels
  torch::Device device = torch::kCPU;
  int64_t processes = 1;
  const NetworkSet* result = nullptr;
  const NetworkSet* teacher = nullptr;  ///< null for a run without one
  std::string metric;                   ///< name of the distance; empty: none was measured
  std::optional<double> result_distance, teacher_distance;
};

/// summary.json of a run (docs/formats.md): stages, result, and size, cost, latency and distance of student and
/// teacher.
nlohmann::json make_summary(const SummaryInput& input);

/// The summary as a small table for the terminal.
std::string summary_table(const nlohmann::json& summary);

/// The command line that makes the same run again.
std::string reproduce_command(const Recipe& recipe);

}  // namespace dgl
