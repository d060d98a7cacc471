#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/solver_options.h"
#include "dgl/formats/quantize.h"
#include "dgl/nn/network_set.h"

namespace dgl {

/// Options of `dgl export` on how weights are stored, and on what that costs.
struct PrecisionArguments {
  std::string precision = "fp32", data, features;
  int64_t samples = 10000;
};

void add_precision_options(CLI::App& command, PrecisionArguments& arguments);

/// The precision that is asked for. Throws UsageError for options that do not go together; `onnx` is whether the file
/// is one that may have another than fp32.
WeightPrecision checked_precision(const PrecisionArguments& arguments, bool onnx);

/// Rounds the weights of all networks, averages too, to what a file of this precision keeps of them.
void round_weights(const NetworkSet& model, WeightPrecision precision);

/// What to compare, and how: a model's file, and a copy of it whose weights are rounded.
struct PrecisionComparison {
  std::string model;  ///< file of the original
  const NetworkSet* rounded = nullptr;
  uint64_t bytes = 0, rounded_bytes = 0;  ///< of the exported files
  double psi = 1;
  SolverChoice solver;
};

/// Prints what rounding changes, the original beside the rounded model: the size of the file; the difference of their
/// images of the same latents, or of images of --data; and, with --features, their distances to --data.
void print_precision(const PrecisionComparison& comparison, const PrecisionArguments& arguments,
                     const CommonOptions& common);

}  // namespace dgl
