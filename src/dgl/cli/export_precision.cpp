#include "dgl/cli/export_precision.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/cli/eval_translations.h"
#include "dgl/data/dataset.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/features.h"
#include "dgl/metrics/measure.h"
#include "dgl/nn/profile.h"
#include "dgl/nn/sampling.h"
#include "dgl/recipe/labels.h"

namespace dgl {

namespace {

constexpr int64_t kCompared = 64;  // images whose difference is shown
constexpr int64_t kCalibrationBatch = 16;

constexpr uint64_t kCalibrationSeed = 1;  // other latents than those that are compared and measured
constexpr int kRounds = 5, kRuns = 9;     // of both files in turn, and of each in its turn

/// Conditions of images: drawn ones, or images of --data. Empty if the model takes images and there is no set of them.
Condition some_condition(const SampleSpec& spec, const Dataset* data, const std::string& model, int64_t count,
                         uint64_t seed) {
  DrawOptions draws{.count = count, .seed = seed};
  if (!spec.input) return draw_condition(spec, draws);
  if (!data) return {};
  check_shape(*data, *spec.input, model, "takes");
  draws.count = std::min(count, data->info().count);
  draws.inputs = data->images(evenly_spaced(data->info().count, draws.count));
  return draw_condition(spec, draws);
}

/// The inputs of a sampler's graph by name.
TensorMap inputs_of(const Condition& condition) {
  TensorMap inputs;
  if (condition.latents.defined()) inputs["z"] = condition.latents.to(torch::kCPU, torch::kFloat);
  if (condition.labels.defined()) inputs["labels"] = condition.labels.to(torch::kCPU, torch::kLong);
  if (condition.images.defined()) {
    const torch::Tensor images = condition.images.to(torch::kCPU, torch::kFloat);
    inputs["images"] = condition.images.scalar_type() == torch::kByte ? images / 127.5 - 1 : images;
  }
  return inputs;
}

/// A sampler's exported graph in ONNX Runtime.
class OnnxSampler : public Sampler {
 public:
  OnnxSampler(Sampler& original, const OnnxGraph& graph, const OnnxRuntime& runtime, const std::string& origin)
      : original_(original), graph_(graph), session_(runtime, graph.bytes(), runtime_threads(), origin) {}

  SampleSpec spec() const override { return original_.spec(); }
  torch::Tensor sample(const Condition& condition, const SampleOptions&) override {
    return session_.run(inputs_of(condition), graph_.outputs())[0];
  }
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& names, double psi) const override {
    return original_.to_onnx(graph, names, psi);
  }
  Network& network() override { return original_.network(); }

  /// Seconds of a batch of random inputs.
  double seconds(int64_t batch) const {
    const auto image = spec().output;
    const TensorMap inputs = onnx_example_inputs(graph_, batch, std::max(image.height, image.width));
    return median_seconds([&] { session_.run(inputs, graph_.outputs()); }, torch::kCPU, kRuns);
  }

 private:
  Sampler& original_;
  const OnnxGraph& graph_;
  const OnnxSession session_;
};

/// Prints the medians of both files' latencies, which are measured in turn.
void print_latencies(const OnnxSampler& before, const OnnxSampler& after) {
  for (const int64_t batch : {1, 16}) {
    std::vector<double> full, coarse;
    for (int round = 0; round < kRounds; ++round) {
      full.push_back(before.seconds(batch) * 1e3);
      coarse.push_back(after.seconds(batch) * 1e3);
    }
    for (auto* times : {&full, &coarse}) std::sort(times->begin(), times->end());
    fmt::print("{:<34}{:>10.3f}{:>10.3f}\n", fmt::format("batch {} in ONNX Runtime, ms", batch), full[kRounds / 2],
               coarse[kRounds / 2]);
  }
}

}  // namespace

void add_precision_options(CLI::App& command, PrecisionArguments& arguments) {
  command
      .add_option("--precision", arguments.precision,
                  "How x.onnx stores weights: fp32; fp16; int8, with a step for each channel. They are expanded when "
                  "the file is loaded, and all is computed in float32")
      ->check(CLI::IsMember(weight_precision_names()))
      ->capture_default_str();
  command
      .add_option("--calibrate", arguments.calibrate,
                  "With --precision int8: convolutions compute in 8 bits too, in ranges that this many samples (or "
                  "images of --data, for a model that takes some) reach in ONNX Runtime")
      ->check(CLI::Range(1, 1000000));
  command.add_option("--onnxruntime", arguments.onnxruntime,
                     "With --precision: ONNX Runtime's library libonnxruntime.so, or auto for the system's, in which "
                     "the exported files are measured");
  command.add_option("--data", arguments.data,
                     "With --precision: a packed set, for images that the model takes and distances to them");
  command.add_option("--features", arguments.features,
                     "With --data: feature network of the distances before and after rounding");
  command.add_option("--samples", arguments.samples, "Images of each of these distances")
      ->check(CLI::Range(2, 10000000))
      ->capture_default_str();
}

std::optional<OnnxRuntime> asked_onnxruntime(const PrecisionArguments& arguments) {
  if (!arguments.onnxruntime.empty()) return OnnxRuntime(arguments.onnxruntime);
  if (arguments.calibrate == 0) return std::nullopt;
  try {
    return OnnxRuntime("auto");
  } catch (const FileError&) {
    fail(
        "--calibrate runs the model in ONNX Runtime, which the system does not find: expected --onnxruntime with the "
        "path of its library");
  }
}

void check_calibration(const SampleSpec& spec, const PrecisionArguments& arguments, const std::string& model) {
  if (arguments.calibrate > 0 && spec.input && arguments.data.empty()) {
    fail("--calibrate: {} takes images: expected --data with a packed set to calibrate with", model);
  }
}

OnnxRanges calibrated_ranges(const Sampler& sampler, const OnnxGraph& graph, const OnnxRuntime& runtime,
                             const PrecisionArguments& arguments, const std::string& model) {
  const SampleSpec spec = sampler.spec();
  if (graph.convolved().empty()) {
    fail("--calibrate: {} has no convolution of {} weights or more", model, kLeastRoundedNumbers);
  }
  OnnxGraph watched = graph;
  watched.output_convolved();
  const OnnxSession session(runtime, watched.bytes(), runtime_threads(), model);
  const std::vector<std::string> names(graph.convolved().begin(), graph.convolved().end());
  const auto data = arguments.data.empty() ? nullptr : std::make_unique<Dataset>(arguments.data);
  const Condition all = some_condition(spec, data.get(), model, arguments.calibrate, kCalibrationSeed);
  const TensorMap inputs = inputs_of(all);
  const int64_t count = inputs.begin()->second.size(0);
  OnnxRanges ranges;
  for (int64_t first = 0; first < count; first += kCalibrationBatch) {
    TensorMap batch;
    for (const auto& [name, tensor] : inputs) {
      batch[name] = tensor.slice(0, first, std::min(count, first + kCalibrationBatch));
    }
    const std::vector<torch::Tensor> maps = session.run(batch, names);
    for (size_t i = 0; i < names.size(); ++i) {
      const auto low = maps[i].min().item<float>(), high = maps[i].max().item<float>();
      if (!std::isfinite(low) || !std::isfinite(high)) fail("--calibrate: {}: {} is not finite", model, names[i]);
      const auto [at, added] = ranges.try_emplace(names[i], low, high);
      if (!added) at->second = {std::min(at->second.first, low), std::max(at->second.second, high)};
    }
  }
  return ranges;
}

WeightPrecision checked_precision(const PrecisionArguments& arguments, bool onnx) {
  const WeightPrecision weights = parse_weight_precision(arguments.precision, "--precision");
  const bool rounds = weights != WeightPrecision::fp32;
  if (rounds && !onnx) throw UsageError("--precision goes with x.onnx");
  if (!rounds && !(arguments.data.empty() && arguments.features.empty())) {
    throw UsageError("--data and --features compare a model before and after --precision fp16 or int8");
  }
  if (arguments.calibrate > 0 && weights != WeightPrecision::int8) {
    throw UsageError("--calibrate goes with --precision int8");
  }
  if (!rounds && !arguments.onnxruntime.empty()) {
    throw UsageError("--onnxruntime measures a model before and after --precision fp16 or int8");
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
  // ONNX Runtime's tensors are on the CPU.
  const auto device = comparison.runtime ? torch::Device(torch::kCPU) : parse_device(common.device);
  const NetworkSet original = load_model(comparison.model);
  original.to(device);
  comparison.rounded->to(device);
  std::shared_ptr<Sampler> before = sampler_of(original, comparison.model),
                           after = sampler_of(*comparison.rounded, comparison.model);
  for (const auto& sampler : {before, after}) apply_solver_options(*sampler, comparison.solver, comparison.model);
  const auto originals = std::pair{before, after};  // which the others refer to
  if (comparison.runtime) {
    before = std::make_shared<OnnxSampler>(*before, *comparison.graph, *comparison.runtime, comparison.model);
    after = std::make_shared<OnnxSampler>(*after, *comparison.rounded_graph, *comparison.runtime, comparison.model);
  }
  const SampleSpec spec = before->spec();
  const auto data = arguments.data.empty() ? nullptr : std::make_unique<Dataset>(arguments.data);
  constexpr double kMiB = 1 << 20;
  fmt::print("{:<34}{:>10}{:>10}\n", "", "fp32", arguments.precision);
  const auto mebibytes = [](const OnnxGraph& graph) { return static_cast<double>(graph.bytes().size()) / kMiB; };
  fmt::print("{:<34}{:>10.2f}{:>10.2f}\n", "file, MiB", mebibytes(*comparison.graph),
             mebibytes(*comparison.rounded_graph));
  if (comparison.runtime) {
    print_latencies(dynamic_cast<const OnnxSampler&>(*before), dynamic_cast<const OnnxSampler&>(*after));
  }
  DrawOptions draws{.count = kCompared, .psi = comparison.psi, .device = device};
  const Condition condition = some_condition(spec, data.get(), comparison.model, kCompared, /*seed=*/0);
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
