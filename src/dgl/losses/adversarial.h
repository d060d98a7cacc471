#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

namespace dgl {

/// The game that a discriminator was trained with: what its scores mean to a generator and to itself. Every function
/// takes scores [N] and gives losses [N], to be averaged.
class AdversarialLoss {
 public:
  virtual ~AdversarialLoss() = default;
  /// What a generator minimizes on scores of its images.
  virtual torch::Tensor generator(const torch::Tensor& fake_scores) const = 0;
  /// What the discriminator minimizes on scores of real images …
  virtual torch::Tensor discriminator_real(const torch::Tensor& real_scores) const = 0;
  /// … and on scores of generated ones.
  virtual torch::Tensor discriminator_fake(const torch::Tensor& fake_scores) const = 0;
};

/// "logistic": non-saturating, softplus(-s) | softplus(-s), softplus(s)   (Goodfellow et al. 2014, arXiv 1406.2661)
/// "hinge":    -s | relu(1 - s), relu(1 + s)                               (Miyato et al. 2018, arXiv 1802.05957)
/// Error that names `key` for another name.
std::shared_ptr<const AdversarialLoss> make_adversarial_loss(const std::string& name, const std::string& key);

/// The game that discriminators of a family ("stylegan2", "biggan") are trained with.
std::shared_ptr<const AdversarialLoss> default_adversarial_loss(const std::string& family);

}  // namespace dgl
