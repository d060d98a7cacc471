#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

namespace dgl {

/// The adversarial loss a discriminator was trained with: what its scores mean to a generator and to itself. Every
/// function takes scores [N] or [N, P] (patches) and gives losses of the same shape, to be averaged.
class AdversarialLoss {
 public:
  virtual ~AdversarialLoss() = default;
  /// What a generator minimizes on scores of its images.
  virtual torch::Tensor generator(const torch::Tensor& fake_scores) const = 0;
  /// What the discriminator minimizes on scores of real images.
  virtual torch::Tensor discriminator_real(const torch::Tensor& real_scores) const = 0;
  /// What the discriminator minimizes on scores of generated images.
  virtual torch::Tensor discriminator_fake(const torch::Tensor& fake_scores) const = 0;
};

/// A loss by name:
///
///     logistic   non-saturating, softplus(-s) | softplus(-s), softplus(s)   (Goodfellow et al. 2014, arXiv 1406.2661)
///     hinge      -s | relu(1 - s), relu(1 + s)                              (Miyato et al. 2018, arXiv 1802.05957)
///
/// Throws Error that names `key` for another name.
std::shared_ptr<const AdversarialLoss> make_adversarial_loss(const std::string& name, const std::string& key);
/// The names that make_adversarial_loss() takes.
std::vector<std::string> adversarial_loss_names();

/// Losses or scores [N, ...] as their means over patches, [N].
torch::Tensor mean_over_patches(const torch::Tensor& values);

}  // namespace dgl
