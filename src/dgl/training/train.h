#pragma once

#include <filesystem>
#include <string>

#include "dgl/recipe/recipe.h"
#include "dgl/training/continuation.h"

namespace dgl {

/// Starts a run of a recipe in the folder `out` and trains to its end: checks everything, makes the run directory, runs
/// the stages, writes model.safetensors, summary.json and report.html. `overwrite` replaces an earlier run there.
/// Returns 0, or 130 or 143 if a signal ended it after a checkpoint. Throws Error.
int start_run(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet);

/// Continues an interrupted run, on `device` or, if that is "auto", on its own; a finished one is left as it is unless
/// changes make its last stage longer. Changes are written into the run's recipe once its newest checkpoint fits them.
/// Throws Error if the packed sets are others than those that the run began with, unless changes name them.
int resume_run(const std::filesystem::path& path, const std::string& device, bool quiet,
               const RunChanges& changes = {});

}  // namespace dgl
