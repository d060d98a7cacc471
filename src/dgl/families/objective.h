#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/guidance/training_step.h"

namespace dgl {

/// One part of a training step: it puts gradients on the networks that it trains, which then take an optimizer step.
struct Phase {
  std::string name;                 ///< "g_main", "d_reg", …: the names of logs and of `dgl bench`
  std::vector<std::string> trains;  ///< slots whose parameters get the gradient
  /// The loss of a batch, a scalar to be differentiated, on random numbers from `input.random`. Called for several
  /// shards concurrently; modifies only `output`. With a single shard it may also update buffers such as batch-norm
  /// statistics.
  std::function<torch::Tensor(const StepInput& input, StepOutput& output)> loss;
  int64_t interval = 1;  ///< runs in every interval-th step
  int64_t batch = 0;     ///< which of the step's batches of real images it works on
  /// True for a phase of the generator's guidance terms alone: its loss is the main phase's function, of which
  /// add_guidance() keeps the terms (StepInput::guidance_alone). It runs where teachers are asked in every n-th step
  /// only, as a lazy regularizer of that interval; elsewhere the terms are part of the main phase.
  bool guidance = false;
  /// True for a phase of a stage in which generators learn their teacher's images (Stage::distills), where it is alone;
  /// false for one of the other stages. Its loss is distillation_loss()'s.
  bool distillation = false;
  bool regularizer = false;  ///< true for a lazy regularizer, false for a main phase
  /// Interval of a lazy regularizer that the optimizers are corrected for, though it is not among the phases; 0: none.
  int64_t corrected_for = 0;
};

/// Which images those that guidance judges stand for, for terms that compare the two (guidance.pair).
enum class Originals {
  none,
  data,     ///< the real images of the batch
  teacher,  ///< the images that the teacher makes of the same latents
};

/// What the networks of a family minimize. It knows nothing of optimizers, stages or files.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Throws Error, which names `file`, if losses need the first teacher's sampler and it is null or of another kind.
  virtual void check_teacher(const Sampler* teacher, const std::string& file) const {}
  /// What guidance.pair compares images with. A stage of distillation compares them with the teacher's.
  virtual Originals originals() const { return Originals::none; }
  /// Throws Error, which names `file`, unless the student's images can be compared with those of this teacher's
  /// sampler, whose images, latents and labels are of the student's shapes (Originals::teacher, or a stage of
  /// distillation).
  virtual void check_originals(const Sampler& teacher, const std::string& file) const {}
  /// Whether the generator's own loss depends on the images that guidance judges, so that the gradients of both on them
  /// can be balanced (guidance/gradient_weight.h).
  virtual bool own_loss_depends_on_judged() const { return true; }
  /// The parts of a step, in their order. Their losses refer to the objective, which has to outlive them.
  virtual std::vector<Phase> phases() = 0;
  /// Batches of real images per data domain that one step takes.
  virtual int64_t batches_per_step() const { return 1; }
  /// Into how many shards a batch may be split, each to be taken as a batch of its own: 1 if losses need all of it.
  virtual int64_t max_shards(int64_t batch) const { return 1; }
  /// The recipe key which makes losses keep images of their batch, so that all of it has to be in one place, neither
  /// split into parts nor shared out to processes; "" if there is none.
  virtual std::string needs_whole_batch() const { return ""; }
  /// How often each label is drawn for generated images, [classes], if `of_data` says how often the data has it;
  /// undefined: uniformly.
  virtual torch::Tensor fake_label_shares(const torch::Tensor& of_data) const { return of_data; }
  /// Takes a phase's statistics, averaged over shards, into the objective's and the networks' state.
  virtual void update_statistics(const Scalars& statistics) {}
  /// Whether a GPU's work for a phase can be recorded and launched again (training/phase_recorder.h): it is the same in
  /// each step but for the images, labels and random numbers. StepInput's progress and run_kimg must not matter. What
  /// the guidance adds, or an augmentation, is not meant.
  virtual bool recordable() const { return false; }
  /// Tensors of the objective's state (the running mean of path lengths), shared with it.
  virtual std::map<std::string, torch::Tensor> state() const { return {}; }
};

}  // namespace dgl
