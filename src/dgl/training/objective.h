#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/data/sampler.h"
#include "dgl/guidance/guidance.h"
#include "dgl/nn/model.h"
#include "dgl/recipe/recipe.h"
#include "dgl/training/augmentation.h"

namespace dgl {

/// One part of a training step: it puts gradients on one network, which then takes an optimizer step of its own.
struct Phase {
  std::string name;          ///< "g_main", "g_reg", "d_main", "d_reg": the names of logs and of `dgl bench`
  bool generator;            ///< whether the generator learns in it, or the discriminator
  int64_t interval = 1;      ///< run in every interval-th step only
  int64_t real = 0;          ///< which of the step's batches of real images it works on
  bool regularizer = false;  ///< a lazy one, beside the network's main phase
};

/// Detached scalar tensors by name, as a phase reports them.
using Scalars = std::map<std::string, torch::Tensor>;

/// What a phase of one step works on: a batch, or a shard of it.
struct StepInput {
  Batch real;                          ///< on the training device
  const Guidance* guidance = nullptr;  ///< may be null
  int64_t guidance_scale = 1;  ///< how many times the teachers' term counts in the generator's loss; 0: it is left out
  const Augmentation* augmentation = nullptr;  ///< of what discriminators see; may be null
  double progress = 0;                         ///< of the stage, 0 … 1
  at::Generator random;                        ///< all random numbers are drawn from it
  torch::Tensor label_shares;  ///< [classes] of each label among the real images; undefined without labels

  /// Images as discriminators see them.
  torch::Tensor augment(const torch::Tensor& images) const {
    return augmentation ? (*augmentation)(images, random) : images;
  }
};

/// What a phase reports, for every shard of a batch alone.
struct StepOutput {
  Scalars losses;      ///< named as the phase; "g_guidance" for the teachers' term
  Scalars scores;      ///< means
  Scalars statistics;  ///< what the objective and the guidance keep, for their `update_statistics`
};

/// `loss`, what the student's discriminator makes its generator minimize on `fake` [N, C, R, R] with `labels` [N] (or
/// undefined; augment already), and the teachers' term where they speak, which it reports as "g_guidance" and
/// "teacher_fake".
torch::Tensor add_guidance(const torch::Tensor& loss, const torch::Tensor& fake, const torch::Tensor& labels,
                           const StepInput& input, StepOutput& output);

/// What `critic` minimizes in `game` on the input's real images and on `fake`, with what guidance adds to it
/// (guidance/discriminator_guidance.h). All images go through it in one pass. Reports "d_main", the mean scores as
/// "real" and "fake", and the terms of guidance as "d_duality" and "d_align".
torch::Tensor discriminator_loss(const AdversarialLoss& game, Discriminator& critic, const Batch& fake,
                                 const StepInput& input, StepOutput& output);

/// What a family's generator and discriminator minimize. It knows nothing of optimizers, stages or files.
class Objective {
 public:
  virtual ~Objective() = default;

  /// The parts of a step, in their order.
  virtual std::vector<Phase> phases() const = 0;
  /// Batches of real images that one step takes.
  virtual int64_t real_batches() const { return 1; }
  /// Into how many shards a batch may be split, each to be taken as a batch of its own: 1 where losses need all of it.
  virtual int64_t max_shards(int64_t batch) const { return 1; }
  /// The phase's loss on fresh latents, a scalar to be differentiated; called for several shards at a time. Changes
  /// nothing but `output`; what rides along with the weights of networks too, where a batch has one shard only.
  virtual torch::Tensor loss(const Phase& phase, const StepInput& input, StepOutput& output) = 0;
  /// Takes the phase's statistics, averaged over shards, into the objective's and the networks' state.
  virtual void update_statistics(const Scalars& statistics) {}
  /// Tensors that belong to the objective's state (the running mean of path lengths).
  virtual std::map<std::string, torch::Tensor> state() const { return {}; }
};

/// The objective of the recipe's family for these networks. Error for a family without one.
std::unique_ptr<Objective> make_objective(const Recipe& recipe, const Model& model);

}  // namespace dgl
