#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "dgl/nn/sampler.h"

namespace dgl {

/// Adds `--sampler` and `--steps` to a command that draws images. `choice` must outlive it.
void add_solver_options(CLI::App& command, SolverChoice& choice);

/// Makes a model's sampler follow these options, if any was given. Throws Error, which names `model`, if it cannot.
void apply_solver_options(Sampler& sampler, const SolverChoice& choice, const std::string& model);

}  // namespace dgl
