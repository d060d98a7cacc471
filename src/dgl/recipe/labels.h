#pragma once

#include <string>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// The recipe with network.classes as the set has it, where the recipe's networks take labels. Error where the set has
/// none, or another number than the recipe says, or a label without an image.
Recipe with_labels_of(const Dataset& dataset, Recipe recipe);

/// Throws Error (naming `origin`) for a conditional recipe that leaves the number of labels to the data, if there is no
/// data.
void require_labels(const Recipe& recipe, const std::string& origin);

/// How often each label stands in a set, as shares [classes] float32.
torch::Tensor label_shares(const Dataset& dataset);

}  // namespace dgl
