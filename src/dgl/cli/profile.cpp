#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/profile.h"
#include "dgl/recipe/labels.h"
#include "dgl/training/networks.h"

namespace dgl {

namespace {

struct ProfileArguments {
  std::string model, recipe, width, discriminator_width;
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

Rows profile_model(const ProfileArguments& arguments, torch::Device device) {
  const NetworkSet model = load_model(arguments.model);
  Rows rows;
  for (const NetworkSlot& slot : model) {
    Network& network = *slot.best();
    network.to(device);
    rows.emplace_back(slot.name, arguments.no_latency ? cost_json(network.cost()) : profile(network, device));
  }
  return rows;
}

void run(const ProfileArguments& arguments, const CommonOptions& common) {
  if (arguments.model.empty() == arguments.recipe.empty()) throw UsageError("profile: expected --model or --recipe");
  if (arguments.recipe.empty() &&
      !(arguments.width.empty() && arguments.discriminator_width.empty() && arguments.overrides.empty())) {
    throw UsageError("profile: --width, --discriminator-width and --set go with --recipe; a model has its width");
  }
  const auto device = parse_device(common.device);
  const Rows rows = arguments.model.empty() ? profile_recipe(arguments) : profile_model(arguments, device);
  if (arguments.json) {
    nlohmann::json result;
    for (const auto& [name, network] : rows) result[name] = network;
    fmt::print("{}\n", json_text(result));
    return;
  }
  fmt::print("{:<15}{:>14}{:>18}{:>20}{:>20}\n", "", "parameters", "MACs per image", "batch 1, ms", "batch 16, ms");
  for (const auto& [name, network] : rows) {
    const auto latency = [&network = network](const char* batch) {
      return network.contains("latency_ms") ? fmt::format("{:.3f}", network["latency_ms"][batch].get<double>())
                                            : std::string("-");
    };
    fmt::print("{:<15}{:>14}{:>18}{:>20}{:>20}\n", name, network["params"].get<int64_t>(),
               network["macs"].get<int64_t>(), latency("1"), latency("16"));
  }
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
  command->add_flag("--json", a->json, "Print one JSON object");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
