#pragma once

#include <memory>
#include <string>

#include "dgl/guidance/guidance_term.h"
#include "dgl/losses/adversarial.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A frozen discriminator of pairs, which takes both images [N, C, R, R] as one of 2C channels, and how much it counts.
struct PairJudge {
  std::string name{};  ///< for messages: the file it came from
  std::shared_ptr<Discriminator> discriminator{};
  std::shared_ptr<const AdversarialLoss> loss{};  ///< that it was trained with
  double weight = 0;
  size_t domain = 0;
};

/// How well each image and the one that stands for it belong together, to a frozen discriminator C that learned to tell
/// pairs of an image and what a cycle made of it from pairs that need no cycle (ACL-GAN's, Zhao et al. 2020, arXiv
/// 2003.04858, section 3.2):
///
///     weight * mean of loss_G(C(original, copy))
class PairJudgeTerm : public GuidanceTerm {
 public:
  /// Freezes the discriminator. Throws Error that names its file unless it takes two of the student's images.
  PairJudgeTerm(PairJudge judge, const ImageShape& image);

  size_t domain() const override { return judge_.domain; }
  GuidanceResult evaluate(const GuidanceInput& input) const override;

 private:
  PairJudge judge_;
};

}  // namespace dgl
