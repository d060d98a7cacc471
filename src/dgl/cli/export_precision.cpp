#include "dgl/cli/export_precision.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/cli/eval_translations.h"
#include "dgl/data/dataset.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/features.h"
#include "dgl/metrics/measure.h"
#include "dgl/nn/sampling.h"
#include "dgl/recipe/labels.h"

namespace dgl {

namespace {

constexpr int64_t kCompared = 64;  // images whose difference is shown

/// Conditions of the images that are compared: drawn ones, or images of --data. Empty if the model takes images and
/// there is no set of them.
Condition compared_condition(const SampleSpec& spec, const Dataset* data, const std::string& model) {
  DrawOptions draws{.count = kCompared};
  if (!spec.input) return draw_condition(spec, draws);
  if (!data) return {};
  check_shape(*data, *spec.input, model, "takes");
  draws.count = std::min(kCompared, data->info().count);
  draws.inputs = data->images(evenly_spaced(data->info().count, draws.count));
  return draw_condition(spec, draws);
}

}  // namespace

void add_precision_options(CLI::App& command, PrecisionArguments& arguments) {
  command
      .add_option("--precision", arguments.precision,
                  "How x.onnx stores weights: fp32; fp16; int8, with a step for each channel. They are expanded when "
                  "the file is loaded, and all is computed in float32")
      ->check(CLI::IsMember(weight_precision_names()))
      ->capture_default_str();
  command.add_option("--data", arguments.data,
                     "With --precision: a packed set, for images that the model takes and distances to them");
  command.add_option("--features", arguments.features,
                     "With --data: feature network of the distances before and after rounding");
  command.add_option("--samples", arguments.samples, "Images of each of these distances")
      ->check(CLI::Range(2, 10000000))
      ->capture_default_str();
}

WeightPrecision checked_precision(const PrecisionArguments& arguments, bool onnx) {
  const WeightPrecision weights = parse_weight_precision(arguments.precision, "--precision");
  const bool rounds = weights != WeightPrecision::fp32;
  if (rounds && !onnx) throw UsageError("--precision goes with x.onnx");
  if (!rounds && !(arguments.data.empty() && arguments.features.empty())) {
    throw UsageError("--data and --features compare a model before and after --precision fp16 or int8");
  }
  if (arguments.data.empty() && !arguments.features.empty()) {
    throw UsageError("--features: expected --data with the images that distances are to");
  }
  return weights;
}

void round_weights(const NetworkSet& model, WeightPrecision precision) {
  const torch::NoGradGuard no_grad;
  model.for_each_network([precision](const std::string&, Network& network) {
    for (auto& item : network.named_parameters()) {
      torch::Tensor& weight = item.value();
      if (is_rounded_weight(weight)) weight.copy_(rounded(weight, precision));
    }
  });
}

void print_precision(const PrecisionComparison& comparison, const PrecisionArguments& arguments,
                     const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const NetworkSet original = load_model(comparison.model);
  original.to(device);
  comparison.rounded->to(device);
  const auto before = sampler_of(original, comparison.model), after = sampler_of(*comparison.rounded, comparison.model);
  for (const auto& sampler : {before, after}) apply_solver_options(*sampler, comparison.solver, comparison.model);
  const SampleSpec spec = before->spec();
  const auto data = arguments.data.empty() ? nullptr : std::make_unique<Dataset>(arguments.data);
  constexpr double kMiB = 1 << 20;
  fmt::print("{:<34}{:>10}{:>10}\n", "", "fp32", arguments.precision);
  fmt::print("{:<34}{:>10.2f}{:>10.2f}\n", "file, MiB", static_cast<double>(comparison.bytes) / kMiB,
             static_cast<double>(comparison.rounded_bytes) / kMiB);
  DrawOptions draws{.count = kCompared, .psi = comparison.psi, .device = device};
  const Condition condition = compared_condition(spec, data.get(), comparison.model);
  if (condition.latents.defined() || condition.images.defined()) {
    const auto images = [&](Sampler& sampler) { return sample_images(sampler, condition, draws).clamp(-1, 1); };
    const torch::Tensor difference = images(*before) - images(*after);
    const double error = difference.square().mean().item<double>();
    fmt::print("{:<44}{:>10.1f}\n", "PSNR of its images to fp32's, dB", 10 * std::log10(4 / std::max(error, 1e-12)));
  }
  if (arguments.features.empty()) return;
  const auto network = load_feature_network(arguments.features);
  network->to(device);
  check_shape(*data, spec.output, comparison.model, "makes");
  MeasureOptions options;
  options.metrics = MetricSet{.fid = true};
  options.samples = {.count = arguments.samples, .psi = comparison.psi, .device = device};
  if (spec.input) {
    options.samples.count = std::min(arguments.samples, data->info().count);
    options.samples.inputs = data->images(evenly_spaced(data->info().count, options.samples.count));
  }
  if (spec.classes > 0 && spec.classes == static_cast<int64_t>(data->info().classes.size()))
    options.samples.label_shares = label_shares(*data);
  options.network_file = arguments.features;
  Progress progress(common.quiet);
  options.progress = [&](const std::string& what, int64_t done, int64_t total) {
    progress.update(fmt::format("{} {}/{}", what, done, total));
  };
  options.note = [&](const std::string& line) { progress.print(line); };
  const auto distance = [&](Sampler& sampler) {
    return measure(sampler, *data, *network, options)[network->distance_name()].get<double>();
  };
  const double full = distance(*before), coarse = distance(*after);
  fmt::print("{:<34}{:>10.3f}{:>10.3f}\n", network->distance_name(), full, coarse);
}

}  // namespace dgl
