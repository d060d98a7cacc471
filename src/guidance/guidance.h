#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "guidance/adversarial.h"
#include "nets/network.h"

namespace dgl {

/// lambda as a function of a stage's progress in 0 … 1.
using Schedule = std::function<double(double progress)>;

/// The same lambda all along.
Schedule constant_schedule(double lambda);

/// A frozen discriminator and the game that it was trained with.
struct Teacher {
  std::string name;  ///< for messages and logs: the file it came from
  std::shared_ptr<Discriminator> discriminator;
  std::shared_ptr<const AdversarialLoss> loss;
  Schedule lambda;
};

/// The term that teachers add to any generator's loss (DGL-GAN, arXiv 2112.06502):
///
///     term = sum over teachers of lambda(progress) * mean over the batch of loss_G(D_t(fake, label))
///
/// Gradients flow through a teacher into the images; its weights receive none and never change. It knows nothing of
/// the family that made the images: a teacher only has to fit their size.
class Guidance {
 public:
  /// Adds a teacher and freezes it. Error if its images are not [channels, resolution, resolution], or if it
  /// knows labels, but not the `classes` that the student has.
  void add(Teacher teacher, int64_t channels, int64_t resolution, int64_t classes);

  bool empty() const { return teachers_.empty(); }

  /// What teachers say of one fake batch.
  struct Term {
    torch::Tensor loss;    ///< scalar, lambda included; undefined where no teacher speaks (every lambda is 0)
    torch::Tensor scores;  ///< [N], of the first teacher that speaks, detached
  };
  /// fake [N, C, R, R] with gradients, labels [N] or undefined, progress of the stage in 0 … 1.
  Term term(const torch::Tensor& fake, const torch::Tensor& labels, double progress) const;

 private:
  std::vector<Teacher> teachers_;
};

}  // namespace dgl
