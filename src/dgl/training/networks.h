#pragma once

#include <memory>

#include "dgl/nn/model.h"
#include "dgl/optim/adam.h"
#include "dgl/recipe/recipe.h"
#include "dgl/training/objective.h"

namespace dgl {

/// Fresh networks of a recipe's family at these widths, from the default random generator, on `device`: a generator, a
/// frozen copy of it as its average, a discriminator.
Model make_networks(const Recipe& recipe, Rational width, Rational discriminator_width, torch::Device device);

/// What the recipe's networks cost at these widths, without allocating them.
struct NetworkCosts {
  Cost generator, discriminator;
};
NetworkCosts network_costs(const Recipe& recipe, Rational width, Rational discriminator_width);

/// The width of a student's discriminator beside a generator of `width`, as the recipe says.
Rational discriminator_width(const Recipe& recipe, Rational width);

/// One Adam for each network.
struct Optimizers {
  std::unique_ptr<Adam> generator, discriminator;
  Adam& of(const Phase& phase) { return phase.generator ? *generator : *discriminator; }
};

/// Adam as the recipe says, corrected for the lazy regularizers among `phases`.
Optimizers make_optimizers(const Recipe& recipe, const Model& model, const std::vector<Phase>& phases);

}  // namespace dgl
