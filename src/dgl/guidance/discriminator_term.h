#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/guidance/guidance_term.h"
#include "dgl/guidance/schedule.h"
#include "dgl/guidance/weight.h"
#include "dgl/losses/adversarial.h"

namespace dgl {

/// A frozen teacher discriminator and the settings of its guidance term.
struct DiscriminatorTeacher {
  std::string name{};  ///< for messages: the file it came from
  std::shared_ptr<Discriminator> discriminator{};
  std::shared_ptr<const AdversarialLoss> loss{};  ///< the loss that it was trained with
  Schedule lambda{};
  std::shared_ptr<Weight> weight{};  ///< null for a uniform weight of 1
  bool resize = false;               ///< brings images of another size or channels to its own
  bool augmented =
      false;          ///< whether it judges augmented images, as it was trained with: others it may never have seen
  size_t domain = 0;  ///< data domain that it judges
};

/// The term of DGL-GAN (arXiv 2112.06502, section 3):
///
///     lambda(progress) * mean over the batch of weight * loss_G(D_t(fake, label))
///
/// Gradients flow through the teacher into the images; its weights receive none.
class DiscriminatorTerm : public GuidanceTerm {
 public:
  /// Freezes the teacher.
  explicit DiscriminatorTerm(DiscriminatorTeacher teacher);

  size_t domain() const override { return teacher_.domain; }
  GuidanceResult evaluate(const GuidanceInput& input) const override;
  std::optional<double> recordable_at(double progress) const override;
  void update_statistics(const Scalars& statistics) override;
  std::map<std::string, torch::Tensor> state() const override;

  const DiscriminatorTeacher& teacher() const { return teacher_; }
  /// The teacher's scores [N], means over patches, of images of any size; `chunks` as in Discriminator::judge().
  torch::Tensor score(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks = 1) const;
  /// The outputs of its blocks.
  std::vector<torch::Tensor> features(const torch::Tensor& images, const torch::Tensor& labels) const;

 private:
  DiscriminatorTeacher teacher_;
};

}  // namespace dgl
