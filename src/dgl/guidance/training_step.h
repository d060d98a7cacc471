#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
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

/// Draws a number that decides what a step computes.
using HostDraw = std::function<double(const at::Generator&)>;

/// Thrown where a phase that is being recorded (training/phase_recorder.h) takes one way or another by what changes
/// from step to step.
class NotRecordable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Numbers that the processor draws for a recorded phase, before each launch of it.
class HostNumbers {
 public:
  /// For a phase on `device`.
  explicit HostNumbers(torch::Device device);
  /// Adds a number, the only one of its stream, and returns the tensor [] of float32 on the device that fill() puts it
  /// in.
  torch::Tensor add(uint64_t stream, HostDraw draw);
  /// Draws all numbers, as StepInput::host_number() does for a chunk with this seed.
  void fill(uint64_t seed);

 private:
  struct Number {
    uint64_t stream;
    HostDraw draw;
  };
  std::vector<Number> numbers_;
  torch::Tensor values_;
};

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
  uint64_t seed = 0;                           ///< what `random` started from
  HostNumbers* recorded_numbers = nullptr;     ///< of a phase that is being recorded; null otherwise
  torch::Tensor label_shares;  ///< [classes] share of each label among the real images; undefined without labels

  /// Images as discriminators see them.
  torch::Tensor augment(const torch::Tensor& images) const {
    return augmentation ? (*augmentation)(images, random) : images;
  }
  /// Whether a GPU computes the step, whose results the processor should not wait for.
  bool on_gpu() const;
  /// A generator of the processor's for numbers that decide what to compute: `random` itself if it is the processor's,
  /// else a new one made from `seed`, another for each `stream`. Throws NotRecordable while a phase is recorded.
  at::Generator host_random(uint64_t stream) const;
  /// A number drawn from host_random(), as a tensor [] of float32 where the step is computed, which a recorded phase
  /// can take too.
  torch::Tensor host_number(uint64_t stream, const HostDraw& draw) const;
};

/// What a phase reports, for every shard of a batch separately.
struct StepOutput {
  Scalars losses;      ///< named as the phase; "g_guidance" for the guidance term
  Scalars scores;      ///< means of scores and of other figures to be logged
  Scalars statistics;  ///< what the objective, the guidance and the augmentation track, for their update_statistics()
};

}  // namespace dgl
