#include "base/error.h"
#include "base/runtime.h"
#include "cli/commands.h"
#include "metrics/dataset_statistics.h"
#include "metrics/evaluate.h"
#include "nets/model.h"

namespace dgl {

namespace {

struct EvalArguments {
  std::string model, data, features;
  int64_t samples = 10000;
  uint64_t seed = 0;
  double psi = 1;
  bool json = false;
};

void run(const EvalArguments& arguments, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const Model model = load_model(arguments.model);
  Generator& generator = model.sampler(arguments.model);
  const Dataset data(arguments.data);
  const auto features = load_feature_network(arguments.features);
  if (data.info().resolution != generator.resolution() || data.info().channels != generator.channels()) {
    fail("{}: images of {} x {} x {}, but {} makes {} x {} x {}", arguments.data, data.info().channels,
         data.info().resolution, data.info().resolution, arguments.model, generator.channels(), generator.resolution(),
         generator.resolution());
  }
  generator.to(device);
  features->to(device);
  SampleOptions options;
  options.count = arguments.samples;
  options.seed = arguments.seed;
  options.psi = arguments.psi;
  options.device = device;
  const double distance = frechet_distance(generator_statistics(generator, *features, options),
                                           dataset_statistics(data, *features, 256, device));
  const std::string name = features->distance_name();
  if (arguments.json) {
    const nlohmann::json json = {{"model", arguments.model}, {"data", arguments.data},       {name, distance},
                                 {"samples", arguments.samples}, {"real", data.info().count}, {"seed", arguments.seed},
                                 {"psi", arguments.psi}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{} {:.3f}  ({} samples against {} images)\n", name, distance, arguments.samples, data.info().count);
  }
}

}  // namespace

void add_eval(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("eval", "the distance of a model's images to the real ones");
  auto a = std::make_shared<EvalArguments>();
  command->add_option("--model", a->model, "a model file")->required();
  command->add_option("--data", a->data, "the real images: a packed set")->required();
  command->add_option("--features", a->features, "the feature network, e.g. assets/mnist32-features.safetensors")->required();
  command->add_option("--samples", a->samples, "images to draw")->check(CLI::Range(2, 10000000))->capture_default_str();
  command->add_option("--seed", a->seed, "of the latents")->capture_default_str();
  command->add_option("--psi", a->psi, "truncation; 1: none")->check(CLI::Range(-10.0, 10.0))->capture_default_str();
  command->add_flag("--json", a->json, "print one JSON object");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
