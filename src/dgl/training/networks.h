#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/optim/adam.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// Widths of a recipe's student; full ones for `dgl train`.
Widths student_widths(const Recipe& recipe);
/// Widths of networks whose generators have `width`, discriminators as the recipe says.
Widths widths_beside(const Recipe& recipe, Rational width);

/// Fresh networks of a recipe's family at these widths, from the default random generator, on `device`, and frozen
/// copies of them as averages.
NetworkSet make_networks(const Recipe& recipe, const Widths& widths, torch::Device device);

/// What the recipe's networks cost at these widths by slot, in order, without allocating them.
std::vector<std::pair<std::string, Cost>> network_costs(const Recipe& recipe, const Widths& widths);

/// One Adam for each slot.
using Optimizers = std::map<std::string, std::unique_ptr<Adam>>;

/// The phases that train a recipe's networks in any of its stages: the objective's, and among them those of guidance
/// alone if teachers are asked in every guidance.interval-th step only, and those of distillation if a stage is one.
std::vector<Phase> training_phases(const Recipe& recipe, Objective& objective);

/// Whether a phase puts gradients on a slot's network.
bool trains(const Phase& phase, const NetworkSlot& slot);

/// Whether a phase trains discriminators and nothing else.
bool trains_discriminators_alone(const NetworkSet& networks, const Phase& phase);

/// Adam's settings for a slot in a stage of these phases, corrected for the lazy regularizers and phases of guidance
/// among them.
AdamOptions adam_options(const Recipe& recipe, const NetworkSlot& slot, const std::vector<Phase>& phases);

/// Adam as the recipe says for the slots that `phases` train.
Optimizers make_optimizers(const Recipe& recipe, const NetworkSet& networks, const std::vector<Phase>& phases);

}  // namespace dgl
