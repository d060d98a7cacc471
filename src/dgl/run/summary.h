#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/nn/network_set.h"
#include "dgl/recipe/recipe.h"
#include "dgl/run/run_state.h"

namespace dgl {

/// The input of a finished run's summary.
struct SummaryInput {
  Recipe recipe;
  RunState state;
  DatasetInfo data;
  std::vector<int64_t> row_labels;  ///< labels of the rows of sample grids; empty without labels
  torch::Device device = torch::kCPU;
  int64_t processes = 1;
  const NetworkSet* result = nullptr;
  const NetworkSet* teacher = nullptr;  ///< null if the run has no teacher
  std::string metric;                   ///< name of the distance; empty: none was measured
  std::optional<double> result_distance, teacher_distance;
};

/// Returns summary.json of a run (docs/formats.md): stages, result, and size, cost, latency and distance of student and
/// teacher.
nlohmann::json make_summary(const SummaryInput& input);

/// Returns the summary as a small table for the terminal.
std::string summary_table(const nlohmann::json& summary);

/// Returns the command line that reproduces the run.
std::string reproduce_command(const Recipe& recipe);

}  // namespace dgl
