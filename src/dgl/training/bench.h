#pragma once

#include <nlohmann/json.hpp>

#include "dgl/base/torch.h"
#include "dgl/guidance/training_step.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// What a step of a recipe works on, of random numbers: a batch of images [recipe.batch, channels, resolution,
/// resolution] from a normal distribution per data domain, with labels where the family has them, each class as likely.
StepInput random_step_input(const Recipe& recipe, torch::Device device);

/// Times a training step of a recipe phase by phase, on random images: {"d_main", "d_reg", "g_main", "g_reg": median
/// seconds of the phase with its optimizer step, the regularizers alone, "step": each phase's seconds over its
/// interval, summed, "images_per_second", "threads", "shards", "precision"}; "peak_memory_bytes" of the process so far;
/// "sample_1" and "sample_16", median seconds of drawing 1 and 16 images. `guided` adds a full-width teacher
/// to the generator's phase, in as many of its steps as the recipe's `guidance.interval` says.
nlohmann::json bench_step(const Recipe& recipe, Rational width, bool guided, torch::Device device);

}  // namespace dgl
