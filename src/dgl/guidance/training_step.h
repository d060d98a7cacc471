#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/data/augmentation.h"
#include "dgl/data/sampler.h"
#include "dgl/nn/network.h"

namespace dgl {

class AdversarialLoss;
class Guidance;

/// Detached scalar tensors by name.
using Scalars = std::map<std::string, torch::Tensor>;

/// What a phase of one training step works on: a batch, or a shard of it.
struct StepInput {
  std::vector<Batch> real;             ///< a batch of real images per data domain, on the training device
  const Guidance* guidance = nullptr;  ///< null in a stage without guidance
  std::shared_ptr<Sampler> teacher;    ///< the first teacher's, in all stages; null without one
  int64_t guidance_scale = 1;          ///< scale of the guidance term; 0 where another phase has it
  bool guidance_alone = false;         ///< whether a generator's loss is the guidance term alone (Phase::guidance)
  const Augmentation* augmentation = nullptr;  ///< of what discriminators see; may be null
  double progress = 0;                         ///< of the stage, 0 … 1
  double run_kimg = 0;                         ///< thousands of images of the run so far, of both stages
  at::Generator random;                        ///< source of all random numbers
  torch::Tensor label_shares;  ///< [classes] share of each label among the real images; undefined without labels

  /// Images as discriminators see them.
  torch::Tensor augment(const torch::Tensor& images) const {
    return augmentation ? (*augmentation)(images, random) : images;
  }
};

/// What a phase reports, for every shard of a batch separately.
struct StepOutput {
  Scalars losses;      ///< named as the phase; "g_guidance" for the guidance term
  Scalars scores;      ///< means of scores and of other figures to be logged
  Scalars statistics;  ///< what the objective, the guidance and the augmentation track, for their update_statistics()
};

}  // namespace dgl
