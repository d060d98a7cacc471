#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dgl/recipe/recipe.h"
#include "dgl/training/session.h"

namespace dgl {

/// What is to change of a run before it continues.
struct RunChanges {
  std::optional<double> kimg{};  ///< length of its last stage, in thousands of images
  std::string data{}, data_b{},
      teacher{};                         ///< where its packed sets and its first teacher lie now; "": where they were
  std::vector<std::string> overrides{};  ///< recipe keys, "training.lr=0.001"

  bool any() const { return kimg || !data.empty() || !data_b.empty() || !teacher.empty() || !overrides.empty(); }
};

/// A run's recipe with changes to it. Throws Error that names the option for a key that decides what the networks are
/// or how the run came about, a value out of range, and a file that the run has no use for.
Recipe changed_recipe(const Recipe& recipe, const RunChanges& changes);

/// The keys that differ in two recipes of a family, [run] aside: "training.lr 0.002, now 0.001".
std::vector<std::string> recipe_differences(const Recipe& before, const Recipe& after);

/// Sets the state of a finished run back into its last stage if that is longer now, and counts the checkpoints of the
/// stage by the recipe's interval.
void reopen_last_stage(TrainingSession& session);

/// What tells packed sets apart: a hash of their sizes and of parts of their contents, one after another.
std::string fingerprint_of(const Recipe& recipe);

}  // namespace dgl
