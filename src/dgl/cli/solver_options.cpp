#include "dgl/cli/solver_options.h"

#include <string>

namespace dgl {

void add_solver_options(CLI::App& command, SolverChoice& choice) {
  command.add_option("--sampler", choice.name,
                     "How a diffusion model draws images: heun, euler or renoise (default: as the model says)");
  command.add_option("--steps", choice.steps, "Noise levels of its sampler (default: as the model says)");
}

void apply_solver_options(Sampler& sampler, const SolverChoice& choice, const std::string& model) {
  if (!choice.name.empty() || choice.steps) sampler.choose_solver(choice, model);
}

}  // namespace dgl
