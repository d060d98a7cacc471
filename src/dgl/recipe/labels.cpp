#include "dgl/recipe/labels.h"

#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

Recipe with_labels_of(const Dataset& dataset, Recipe recipe) {
  if (!recipe.network->conditional) return recipe;
  const std::string origin = dataset.path().string();
  const auto& names = dataset.info().classes;
  if (names.empty()) {
    fail("{}: the set has no labels, which network.conditional = true needs; dgl prepare --labels makes one", origin);
  }
  const auto classes = static_cast<int64_t>(names.size());
  if (recipe.network->classes != 0 && recipe.network->classes != classes) {
    fail("{}: {} labels, but the recipe's network.classes = {}", origin, classes, recipe.network->classes);
  }
  for (int64_t label = 0; label < classes; ++label) {
    if (dataset.label_counts()[static_cast<size_t>(label)] == 0) {
      fail("{}: label {} ({}) has no images", origin, label, names[static_cast<size_t>(label)]);
    }
  }
  recipe.network->classes = classes;
  return recipe;
}

void require_labels(const Recipe& recipe, const std::string& origin) {
  if (recipe.network->conditional && recipe.network->classes == 0) {
    fail("{}: network.classes = 0: expected the number of labels, since there are no data to count them", origin);
  }
}

torch::Tensor label_shares(const Dataset& dataset) {
  const torch::Tensor counts = torch::tensor(dataset.label_counts(), torch::kDouble);
  return (counts / counts.sum()).to(torch::kFloat);
}

}  // namespace dgl
