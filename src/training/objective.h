#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/sampler.h"
#include "guidance/guidance.h"
#include "nets/model.h"
#include "training/recipe.h"

namespace dgl {

/// One part of a training step: it puts gradients on one network, which then takes an optimiser step of its own.
struct Phase {
  std::string name;      ///< "g_main", "g_reg", "d_main", "d_reg": the names of logs and of `dgl bench`
  bool generator;        ///< whether the generator learns in it, or the discriminator
  int64_t interval = 1;  ///< run in every interval-th step only
};

/// Detached scalar tensors by name, as a phase reports them.
using Figures = std::map<std::string, torch::Tensor>;

/// What the phases of one step work on.
struct StepInput {
  Batch real;                          ///< on the training device
  const Guidance* guidance = nullptr;  ///< may be null
  double progress = 0;                 ///< of the stage, 0 … 1
};

/// What a family's generator and discriminator minimise. It knows nothing of optimisers, stages or files.
class Objective {
 public:
  virtual ~Objective() = default;

  /// The parts of a step, in their order.
  virtual std::vector<Phase> phases() const = 0;
  /// Computes the phase's loss on fresh latents from the default random generator and back-propagates it. Puts losses
  /// into `losses` (named as the phase; "g_guidance" for the teachers' term) and mean scores into `scores`.
  virtual void run(const Phase& phase, const StepInput& input, Figures& losses, Figures& scores) = 0;
  /// Tensors that belong to the objective's state (the running mean of path lengths).
  virtual std::map<std::string, torch::Tensor> state() const { return {}; }
};

/// The objective of the recipe's family for these networks. Error for a family without one.
std::unique_ptr<Objective> make_objective(const Recipe& recipe, const Model& model);

}  // namespace dgl
