#pragma once

#include <filesystem>

#include "training/recipe.h"

namespace dgl {

/// Trains the feature network of a recipe of family "classifier" on a labelled set and writes OUT/model.safetensors and
/// OUT/summary.json with its accuracy on held-out images. Returns 0.
int run_classifier(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet);

}  // namespace dgl
