#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/guidance/training_step.h"

namespace dgl {

/// One batch of generated images, to be judged.
struct GuidanceInput {
  torch::Tensor fake{};      ///< [N, C, R, R] with gradients, as the generator made them; undefined where no network
                             ///< that trains made images of this domain, but copies are to be compared
  torch::Tensor labels{};    ///< [N], or undefined
  double progress = 0;       ///< of the stage, 0 … 1
  torch::Tensor own_loss{};  ///< scalar: what the student's own discriminator makes the generator minimize on `fake`
  std::function<torch::Tensor(bool augmented)> real{};  ///< real images [N, C, R, R], as they are or augmented
  torch::Tensor real_labels{};                          ///< their labels [N], or undefined
  size_t domain = 0;                                    ///< data domain of the images
  torch::Tensor augmented{};  ///< the generated images as the student's discriminator sees them; undefined: as they are
  torch::Tensor last_weight{};  ///< of the last layer of the network that made them; undefined if it tells none
  std::function<torch::Tensor()> original{};  ///< computes the images [N, C, R, R] that they stand for, such as the
                                              ///< teacher's of the same latents; empty if there are none
  torch::Tensor copies{};  ///< the images [N, C, R, R], with gradients, that stand for the originals, such as those of
                           ///< a cycle; undefined: the generated ones

  /// The generated images, as they are or as the student's discriminator sees them.
  const torch::Tensor& images(bool as_augmented) const {
    return as_augmented && augmented.defined() ? augmented : fake;
  }
  /// The images that stand for the originals.
  const torch::Tensor& paired() const { return copies.defined() ? copies : fake; }
};

/// What guidance adds for one batch.
struct GuidanceResult {
  torch::Tensor loss{};    ///< scalar, lambda and weight included; undefined if nothing is added
  torch::Tensor scores{};  ///< [N], of the first teacher with a score, detached; undefined if there is none
  torch::Tensor weight{};  ///< mean of that teacher's weight, a scalar; undefined for a uniform one
  Scalars losses{};        ///< parts of the loss to be logged under their own names
  Scalars statistics{};    ///< for update_statistics()
};

/// What one teacher adds to the loss of a student's generator, in one data domain.
class GuidanceTerm {
 public:
  virtual ~GuidanceTerm() = default;
  /// The data domain whose images it judges.
  virtual size_t domain() const { return 0; }
  /// The term for one batch. Modifies nothing, so that shards can be judged concurrently.
  virtual GuidanceResult evaluate(const GuidanceInput& input) const = 0;
  /// If a GPU's work for the term can be recorded and launched again (training/phase_recorder.h) while this number
  /// stays the same, the number: its lambda. Nothing else may depend on the progress.
  virtual std::optional<double> recordable_at(double progress) const { return std::nullopt; }
  /// Takes the statistics of one step, averaged over shards. Unknown names are ignored.
  virtual void update_statistics(const Scalars& statistics) {}
  /// Tensors that a resumed run needs, shared with the term.
  virtual std::map<std::string, torch::Tensor> state() const { return {}; }
};

}  // namespace dgl
