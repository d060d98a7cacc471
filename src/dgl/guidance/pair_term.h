#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/guidance/guidance_term.h"
#include "dgl/guidance/schedule.h"
#include "dgl/guidance/weight.h"
#include "dgl/losses/pair_distance.h"
#include "dgl/nn/network.h"

namespace dgl {

/// How a teacher's features compare an image with the one that it stands for.
struct PairTeacher {
  std::string name{};  ///< for messages: the file it came from
  std::shared_ptr<Discriminator> discriminator{};
  std::string distance = "unit";     ///< of pair_term_distances()
  Schedule mu{};                     ///< weight of the term
  std::shared_ptr<Weight> weight{};  ///< balances the term with the student's own loss; null for 1
  size_t domain = 0;
};

/// A weight of a pair term by name: those of make_weight() that need no scores, "uniform", "gradient" and
/// "last_layer". Throws Error that names `key` for another.
std::shared_ptr<Weight> make_pair_weight(const std::string& text, const std::string& key);

/// The names of PairTeacher::distance: those of losses/pair_distance.h on the teacher's features, and "pixel", the mean
/// absolute difference of the images themselves, which needs no teacher and serves for comparison.
std::vector<std::string> pair_term_distances();

/// Draws each image to the one that it stands for, in the features of a frozen discriminator:
///
///     mu(progress) * mean over the batch of weight * d(features of the original, features of the image)
///
/// The original of a student that inherits its teacher's mapping is the teacher's image of the same latents, as in DCD
/// (Li et al. 2023, arXiv 2212.14169, section 3.2); that of a reconstruction is the image that it reconstructs, as in
/// VAE-GAN's error of the features (Larsen et al. 2016, arXiv 1512.09300, section 3.2); that of a cycle's image is the
/// one that the cycle began with.
class PairTerm : public GuidanceTerm {
 public:
  /// Freezes the teacher.
  explicit PairTerm(PairTeacher teacher);

  size_t domain() const override { return teacher_.domain; }
  GuidanceResult evaluate(const GuidanceInput& input) const override;
  void update_statistics(const Scalars& statistics) override;
  std::map<std::string, torch::Tensor> state() const override;

 private:
  FeatureMaps maps(const torch::Tensor& images, const torch::Tensor& labels) const;

  PairTeacher teacher_;
  PairDistance distance_;
};

}  // namespace dgl
