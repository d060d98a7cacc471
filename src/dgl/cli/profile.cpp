#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/nn/onnx_runtime.h"
#include "dgl/nn/profile.h"
#include "dgl/recipe/labels.h"
#include "dgl/training/networks.h"

namespace dgl {

namespace {

struct ProfileArguments {
  std::string model, recipe, width, discriminator_width, onnxruntime;
  std::vector<std::string> overrides;
  bool no_latency = false, json = false;
};

/// A name and what to print of it, in order.
using Rows = std::vector<std::pair<std::string, nlohmann::json>>;

/// The networks of a recipe at its student's width, costs alone: nothing is allocated, so there is no latency.
Rows profile_recipe(const ProfileArguments& arguments) {
  const Recipe recipe = load_recipe(arguments.recipe, arguments.overrides);
  Widths widths{.narrow_constant = recipe.narrow_constant};
  widths.generator = Rational::parse(arguments.width.empty() ? "1" : arguments.width, "--width");
  widths.discriminator = arguments.discriminator_width.empty()
                             ? widths.generator
                             : Rational::parse(arguments.discriminator_width, "--discriminator-width");
  require_labels(recipe, arguments.recipe);
  Rows rows;
  for (const auto& [slot, cost] : network_costs(recipe, widths)) rows.emplace_back(slot, cost_json(cost));
  return rows;
}

constexpr int kRounds = 3, kRuns = 9;  // of both programs in turn, and of each in its turn

/// A network as ONNX: one that makes images from latents, or one that is written by itself; nothing for other kinds.
std::optional<OnnxGraph> graph_of(const Network& network) {
  if (const auto* sampler = dynamic_cast<const Generator*>(&network)) return onnx_graph(*sampler, /*psi=*/1, {});
  const torch::NoGradGuard no_grad;
  OnnxGraph graph;
  if (!network.apply_to_onnx(graph)) return std::nullopt;
  return graph;
}

double middle(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

/// profile() with the latency of the network's graph in ONNX Runtime, on as many threads, beside its own: the medians
/// of rounds in turn, since a machine's speed changes.
nlohmann::json profile_beside(Network& network, const OnnxGraph& graph, const OnnxRuntime& runtime,
                              const std::string& origin) {
  nlohmann::json result = cost_json(network.cost());
  nlohmann::json& theirs = result["onnxruntime"];
  theirs = {{"version", runtime.version()}, {"threads", runtime_threads()}};
  const OnnxSession session(runtime, graph.bytes(), runtime_threads(), origin);
  for (const int64_t batch : {1, 16}) {
    const auto pass = network.example_pass(batch, torch::kCPU);
    const TensorMap inputs = onnx_example_inputs(graph, batch, network.settings().value("resolution", int64_t{64}));
    std::vector<double> here, there;
    for (int round = 0; round < kRounds; ++round) {
      here.push_back(median_seconds(pass, torch::kCPU, kRuns));
      there.push_back(median_seconds([&] { session.run(inputs, graph.outputs()); }, torch::kCPU, kRuns));
    }
    result["latency_ms"][std::to_string(batch)] = middle(here) * 1e3;
    theirs["latency_ms"][std::to_string(batch)] = middle(there) * 1e3;
  }
  return result;
}

Rows profile_with_onnxruntime(const ProfileArguments& arguments) {
  const NetworkSet model = load_model(arguments.model);
  const OnnxRuntime runtime(arguments.onnxruntime);
  Rows rows;
  bool any = false;
  for (const NetworkSlot& slot : model) {
    Network& network = *slot.best();
    const auto graph = graph_of(network);
    any = any || graph;
    rows.emplace_back(slot.name, graph ? profile_beside(network, *graph, runtime, arguments.model + ": " + slot.name)
                                       : profile(network, torch::kCPU));
  }
  if (!any) {
    fail("{}: none of its networks is written as ONNX, so that --onnxruntime has nothing to time", arguments.model);
  }
  return rows;
}

Rows profile_model(const ProfileArguments& arguments, torch::Device device) {
  if (!arguments.onnxruntime.empty()) return profile_with_onnxruntime(arguments);
  const NetworkSet model = load_model(arguments.model);
  Rows rows;
  for (const NetworkSlot& slot : model) {
    Network& network = *slot.best();
    network.to(device);
    rows.emplace_back(slot.name, arguments.no_latency ? cost_json(network.cost()) : profile(network, device));
  }
  return rows;
}

/// One line for each network, with ONNX Runtime's latency behind each of its own where there is any.
void print_table(const Rows& rows) {
  std::string version;
  for (const auto& [name, network] : rows) {
    if (network.contains("onnxruntime")) version = network["onnxruntime"]["version"];
  }
  const auto milliseconds = [](const nlohmann::json& of, const char* batch) {
    return of.contains("latency_ms") ? fmt::format("{:.3f}", of["latency_ms"][batch].get<double>()) : std::string("-");
  };
  fmt::print("{:<15}{:>14}{:>18}", "", "parameters", "MACs per image");
  for (const char* batch : {"1", "16"}) {
    fmt::print("{:>20}", fmt::format("batch {}, ms", batch));
    if (!version.empty()) fmt::print("{:>20}", "ONNX Runtime");
  }
  fmt::print("\n");
  for (const auto& [name, network] : rows) {
    fmt::print("{:<15}{:>14}{:>18}", name, network["params"].get<int64_t>(), network["macs"].get<int64_t>());
    for (const char* batch : {"1", "16"}) {
      fmt::print("{:>20}", milliseconds(network, batch));
      if (!version.empty()) fmt::print("{:>20}", milliseconds(network.value("onnxruntime", nlohmann::json()), batch));
    }
    fmt::print("\n");
  }
  if (!version.empty()) fmt::print("ONNX Runtime {} and dgl in turn, on {} threads\n", version, runtime_threads());
}

void run(const ProfileArguments& arguments, const CommonOptions& common) {
  if (arguments.model.empty() == arguments.recipe.empty()) throw UsageError("profile: expected --model or --recipe");
  if (arguments.recipe.empty() &&
      !(arguments.width.empty() && arguments.discriminator_width.empty() && arguments.overrides.empty())) {
    throw UsageError("profile: --width, --discriminator-width and --set go with --recipe; a model has its width");
  }
  if (!arguments.onnxruntime.empty() && (arguments.model.empty() || arguments.no_latency)) {
    throw UsageError("profile: --onnxruntime times a model, and goes with --model and without --no-latency");
  }
  const auto device = parse_device(common.device);
  if (!arguments.onnxruntime.empty() && !device.is_cpu()) {
    throw UsageError("profile: --onnxruntime times on the processor: expected --device cpu");
  }
  const Rows rows = arguments.model.empty() ? profile_recipe(arguments) : profile_model(arguments, device);
  if (arguments.json) {
    nlohmann::json result;
    for (const auto& [name, network] : rows) result[name] = network;
    fmt::print("{}\n", json_text(result));
    return;
  }
  print_table(rows);
}

}  // namespace

void add_profile(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("profile", "Print parameters, multiply-adds and median latency of networks");
  auto a = std::make_shared<ProfileArguments>();
  command->add_option("--model", a->model, "Model file");
  command->add_option("--recipe", a->recipe, "Recipe, for parameters and MACs without allocating the weights");
  command->add_option("--width", a->width, "Width of a recipe's networks: 1 (the default), 1/2, 1/4 …");
  command->add_option("--discriminator-width", a->discriminator_width,
                      "Width of a recipe's discriminator (default: --width)");
  command->add_option("--set", a->overrides, "Recipe key to override, KEY=VALUE (can be repeated)")
      ->allow_extra_args(false);
  command->add_flag("--no-latency", a->no_latency, "Skip the latency of a model, without running its networks");
  command->add_option("--onnxruntime", a->onnxruntime,
                      "Also time the networks as ONNX in ONNX Runtime 1.7 or later, on the same threads: the path of "
                      "its library libonnxruntime.so, or auto for the system's");
  command->add_flag("--json", a->json, "Print one JSON object");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
