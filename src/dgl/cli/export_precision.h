#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/solver_options.h"
#include "dgl/formats/onnx.h"
#include "dgl/formats/quantize.h"
#include "dgl/nn/network_set.h"
#include "dgl/nn/onnx_runtime.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Options of `dgl export` on how weights are stored, and on what that costs.
struct PrecisionArguments {
  std::string precision = "fp32", data, features, onnxruntime;
  int64_t samples = 10000;
  int64_t calibrate = 0;  ///< samples that ranges are taken from; 0: feature maps stay float32
};

void add_precision_options(CLI::App& command, PrecisionArguments& arguments);

/// The precision that is asked for. Throws UsageError for options that do not go together; `onnx` is whether the file
/// is one that may have another than fp32.
WeightPrecision checked_precision(const PrecisionArguments& arguments, bool onnx);

/// Rounds the weights of all networks, averages too, to what a file of this precision keeps of them.
void round_weights(const NetworkSet& model, WeightPrecision precision);

/// ONNX Runtime as the options name it; nothing if they do not.
std::optional<OnnxRuntime> asked_onnxruntime(const PrecisionArguments& arguments);

/// What to compare, and how: a model's file, and a copy of it whose weights are rounded.
struct PrecisionComparison {
  std::string model;  ///< file of the original
  const NetworkSet* rounded = nullptr;
  const OnnxGraph *graph = nullptr, *rounded_graph = nullptr;  ///< what is exported of them
  const OnnxRuntime* runtime = nullptr;                        ///< where there is one, both graphs are run by it
  double psi = 1;
  SolverChoice solver;
};

/// Throws Error, which names `model`, if a model is to be calibrated that takes images, and there are none.
void check_calibration(const SampleSpec& spec, const PrecisionArguments& arguments, const std::string& model);

/// The ranges of the feature maps of a float32 graph over `arguments.calibrate` conditions: drawn ones, or images of
/// --data. `sampler` made the graph. Throws Error, which names `model`, for a graph without convolutions of that size.
OnnxRanges calibrated_ranges(const Sampler& sampler, const OnnxGraph& graph, const OnnxRuntime& runtime,
                             const PrecisionArguments& arguments, const std::string& model);

/// Prints what rounding changes, the original beside the rounded model: the size of the file; the difference of their
/// images of the same latents, or of images of --data; and, with --features, their distances to --data. With a runtime
/// it is the exported files that make these images, and their latencies are printed too.
void print_precision(const PrecisionComparison& comparison, const PrecisionArguments& arguments,
                     const CommonOptions& common);

}  // namespace dgl
