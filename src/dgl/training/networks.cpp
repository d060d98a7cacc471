#include "dgl/training/networks.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/ops/gpu/cuda_backend.h"

namespace dgl {

namespace {

/// The slots of the recipe's family with the shapes of their networks.
std::vector<std::pair<SlotSpec, nlohmann::json>> slot_shapes(const Recipe& recipe, const Widths& widths) {
  const Family& family = recipe.family_info();
  std::vector<std::pair<SlotSpec, nlohmann::json>> all;
  for (const SlotSpec& slot : family.slots()) {
    nlohmann::json shape = family.shape(*recipe.network, widths, slot.name);
    if (!shape.is_null()) all.emplace_back(slot, std::move(shape));
  }
  return all;
}

}  // namespace

Widths widths_beside(const Recipe& recipe, Rational width) {
  Widths widths{.generator = width, .narrow_constant = recipe.narrow_constant};
  if (recipe.discriminator_width == "generator") {
    widths.discriminator = width;
  } else if (!recipe.discriminator_width.empty()) {
    widths.discriminator = Rational::parse(recipe.discriminator_width, "student.discriminator_width");
  }
  return widths;
}

Widths student_widths(const Recipe& recipe) {
  if (!recipe.has_student()) return {.narrow_constant = recipe.narrow_constant};
  return widths_beside(recipe, Rational::parse(recipe.width, "student.width"));
}

std::vector<std::pair<std::string, Cost>> network_costs(const Recipe& recipe, const Widths& widths) {
  std::vector<std::pair<std::string, Cost>> costs;
  for (const auto& [slot, shape] : slot_shapes(recipe, widths)) {
    costs.emplace_back(slot.name, family_of(shape, "the recipe").cost(slot.name, shape));
  }
  return costs;
}

NetworkSet make_networks(const Recipe& recipe, const Widths& widths, torch::Device device) {
  const auto type = parse_precision(recipe.precision, "training.precision");
  if (type == torch::kBFloat16) ops::gpu::check_bfloat16(device, ops::gpu::compute_capability(device));
  const Family& family = recipe.family_info();
  const auto shapes = slot_shapes(recipe, widths);
  const auto make = [&](const std::string& slot, const nlohmann::json& shape) {
    return family_of(shape, "the recipe").make_network(slot, shape, "the recipe", INT64_MAX);
  };
  NetworkSet networks;
  for (const auto& [slot, shape] : shapes) {
    networks.add({.name = slot.name, .role = slot.role, .network = make(slot.name, shape), .pairs = slot.pairs});
  }
  family.initialize(networks, *recipe.network);
  for (const auto& [spec, shape] : shapes) {
    if (!spec.averaged) continue;
    NetworkSlot& slot = networks.at(spec.name, "the recipe");
    slot.average = make(spec.name, shape);
    copy_weights(*slot.network, *slot.average);
    slot.average->eval();
    set_requires_grad(*slot.average, false);
  }
  networks.to(device);
  networks.set_reference(recipe.reference);
  // Averages are sampled and measured in float32.
  for (const NetworkSlot& slot : networks) slot.network->set_activations(type);
  return networks;
}

bool trains(const Phase& phase, const NetworkSlot& slot) {
  return std::find(phase.trains.begin(), phase.trains.end(), slot.name) != phase.trains.end();
}

bool trains_discriminators_alone(const NetworkSet& networks, const Phase& phase) {
  return std::all_of(phase.trains.begin(), phase.trains.end(), [&](const std::string& slot) {
    return networks.at(slot, phase.name).role == NetworkRole::discriminator;
  });
}

namespace {

/// Learning rate of a stage of distillation. It has no opponent whose balance a high rate would upset.
double distillation_rate(const Recipe& recipe) {
  constexpr double kDistillationFactor = 4;  // at a quarter of the width on the digits, better than 1, 2 and 8
  return recipe.guidance.distill_lr > 0 ? recipe.guidance.distill_lr : kDistillationFactor * recipe.lr;
}

}  // namespace

std::vector<Phase> training_phases(const Recipe& recipe, Objective& objective) {
  std::vector<Phase> phases = objective.phases();
  const int64_t interval = recipe.guidance.interval;
  const bool distills = recipe.guidance.stage1 == "distill";
  std::erase_if(phases, [&](const Phase& phase) {
    return (phase.guidance && interval == 1) || (phase.distillation && !distills);
  });
  for (Phase& phase : phases) {
    if (phase.guidance) phase.interval = interval;
  }
  return phases;
}

AdamOptions adam_options(const Recipe& recipe, const NetworkSlot& slot, const std::vector<Phase>& phases) {
  const bool own_rate = slot.role == NetworkRole::discriminator && recipe.lr_discriminator > 0;
  AdamOptions options{own_rate ? recipe.lr_discriminator : recipe.lr, recipe.beta1, recipe.beta2, recipe.epsilon};
  const bool distills = std::none_of(phases.begin(), phases.end(),
                                     [&](const Phase& phase) { return trains(phase, slot) && !phase.distillation; });
  if (distills) options.lr = distillation_rate(recipe);
  for (const Phase& phase : phases) {
    const bool lazy = phase.regularizer || (phase.guidance && phase.interval > 1);
    const int64_t interval = lazy ? phase.interval : phase.corrected_for;
    if (interval > 0 && trains(phase, slot)) options = options.corrected_for(interval);
  }
  return options;
}

Optimizers make_optimizers(const Recipe& recipe, const NetworkSet& networks, const std::vector<Phase>& phases) {
  Optimizers optimizers;
  for (const NetworkSlot& slot : networks) {
    if (std::none_of(phases.begin(), phases.end(), [&](const Phase& phase) { return trains(phase, slot); })) continue;
    const AdamOptions options = adam_options(recipe, slot, phases);
    optimizers.emplace(slot.name, std::make_unique<Adam>(*slot.network, options));
  }
  return optimizers;
}

}  // namespace dgl
