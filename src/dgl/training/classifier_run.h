#pragma once

#include <filesystem>

#include "dgl/recipe/recipe.h"

namespace dgl {

/// Trains the feature network that a recipe describes on a labeled set and writes OUT/model.safetensors, with its
/// accuracy on held-out images in the metadata. Such a run keeps no checkpoints. Returns 0.
int run_classifier(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet);

}  // namespace dgl
