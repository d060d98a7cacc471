#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/guidance/discriminator_guidance.h"
#include "dgl/guidance/schedule.h"
#include "dgl/guidance/weight.h"
#include "dgl/losses/adversarial.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A frozen discriminator and how it is listened to.
struct Teacher {
  std::string name;  ///< for messages and logs: the file it came from
  std::shared_ptr<Discriminator> discriminator;
  std::shared_ptr<const AdversarialLoss> loss;  ///< the game that it was trained with
  Schedule lambda;
  std::shared_ptr<Weight> weight = make_weight("uniform", "weight");
  bool resize = false;  ///< whether images of another size or channels are brought to its own
};

/// One fake batch, for the teachers to judge.
struct GuidanceInput {
  torch::Tensor fake;        ///< [N, C, R, R] with gradients
  torch::Tensor labels;      ///< [N], or undefined
  double progress = 0;       ///< of the stage, 0 … 1
  torch::Tensor own_loss{};  ///< scalar: what the student's own discriminator makes the generator minimize on `fake`
  std::function<torch::Tensor()>
      real{};                   ///< real images [N, C, R, R] as discriminators see them; called where a weight asks
  torch::Tensor real_labels{};  ///< theirs [N], or undefined
};

/// The term that teachers add to any generator's loss (DGL-GAN, arXiv 2112.06502):
///
///     term = sum over teachers of lambda(progress) * mean over the batch of weight * loss_G(D_t(fake, label))
///
/// Gradients flow through a teacher into the images; its weights receive none and never change. It knows nothing of
/// the family that made the images: a teacher only has to fit their size, or to have them resized.
class Guidance {
 public:
  /// Adds a teacher and freezes it. Error if its images are not [channels, resolution, resolution] and are not to be
  /// resized, or if it knows labels, but not the `classes` that the student has.
  void add(Teacher teacher, int64_t channels, int64_t resolution, int64_t classes);

  /// Lets the student's discriminator learn from the first teacher too, and from images of `generator`, which is only
  /// needed if they are wanted. Error if these do not fit, as with `add`.
  void guide_discriminator(const DiscriminatorGuidance& how, std::shared_ptr<Generator> generator, int64_t channels,
                           int64_t resolution, int64_t classes);
  const DiscriminatorGuidance& discriminator() const { return discriminator_; }
  /// Images [n, C, R, R] of the teacher's generator, of fresh latents and `labels` [n] (or undefined), without
  /// gradients.
  torch::Tensor teacher_images(int64_t n, const torch::Tensor& labels, const at::Generator& random) const;
  /// The first teacher's scores [N] of images, without gradients.
  torch::Tensor teacher_scores(const torch::Tensor& images, const torch::Tensor& labels) const;

  bool empty() const { return teachers_.empty(); }

  /// What teachers say of one fake batch.
  struct Term {
    torch::Tensor loss;  ///< scalar, lambda and weight included; undefined where no teacher speaks (every lambda is 0)
    torch::Tensor scores;                             ///< [N], of the first teacher that speaks, detached
    torch::Tensor weight;                             ///< its weight's mean, a scalar; undefined for a uniform one
    std::map<std::string, torch::Tensor> statistics;  ///< scalars for `update_statistics`
  };
  /// Changes nothing, so that shards of a batch can be judged at a time.
  Term term(const GuidanceInput& input) const;

  /// Takes the statistics of one step's term, averaged over shards, into the weights' state; others' are passed over.
  void update_statistics(const std::map<std::string, torch::Tensor>& statistics);
  /// The weights' state by name, tensors shared with them.
  std::map<std::string, torch::Tensor> state() const;

 private:
  std::vector<Teacher> teachers_;
  DiscriminatorGuidance discriminator_;
  std::shared_ptr<Generator> generator_;
  int64_t channels_ = 0, resolution_ = 0;  // of the student's images
};

}  // namespace dgl
