#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

namespace dgl {

/// The adversarial loss a discriminator was trained with: how its scores enter its own loss and a generator's. Every
/// function takes scores [N] or [N, P] (patches) and returns losses of the same shape, to be averaged.
class AdversarialLoss {
 public:
  virtual ~AdversarialLoss() = default;
  /// Returns what a generator minimizes, given scores of its images.
  virtual torch::Tensor generator(const torch::Tensor& fake_scores) const = 0;
  /// Returns what the discriminator minimizes, given scores of real images.
  virtual torch::Tensor discriminator_real(const torch::Tensor& real_scores) const = 0;
  /// Returns what the discriminator minimizes, given scores of generated images.
  virtual torch::Tensor discriminator_fake(const torch::Tensor& fake_scores) const = 0;
};

/// Returns a loss by name:
///
///     logistic   non-saturating, softplus(-s) | softplus(-s), softplus(s)   (Goodfellow et al. 2014, arXiv 1406.2661)
///     hinge      -s | relu(1 - s), relu(1 + s)                              (Miyato et al. 2018, arXiv 1802.05957)
///     lsgan      (s - 1)² | (s - 1)², s²                                    (Mao et al. 2017, arXiv 1611.04076)
///
/// Each line gives the generator's loss | the discriminator's on real and on generated images. Throws Error, naming
/// `key`, for another name.
std::shared_ptr<const AdversarialLoss> make_adversarial_loss(const std::string& name, const std::string& key);
/// Returns the names that make_adversarial_loss() accepts.
std::vector<std::string> adversarial_loss_names();

/// Averages losses or scores [N, ...] over patches to [N].
torch::Tensor mean_over_patches(const torch::Tensor& values);

}  // namespace dgl
