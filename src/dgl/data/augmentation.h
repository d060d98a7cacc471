#pragma once

#include <map>
#include <string>

#include "dgl/data/diff_augment.h"

namespace dgl {

/// Settings of an Augmentation.
struct AugmentationOptions {
  std::string operations;   ///< color, translation, cutout with commas between (data/diff_augment.h); empty: none
  double probability = 1;   ///< of each operation on an image; the start value is 0 if it adapts
  double ada_target = 0;    ///< above 0: the probability adapts to this E sign(D(x))
  double ada_images = 5e5;  ///< images within which it can go from 0 to 1
  int64_t batch = 32;       ///< images of a step
};

/// Changes every image before a discriminator sees it, the student's or a teacher's, real or generated: DiffAugment's
/// operations, each on an image with probability p. p is the recipe's, or adaptive as in ADA (Karras et al. 2020,
/// arXiv 2006.06676, section 3.1): it starts at 0, and over every four batches moves up where r = E sign(D(x)) of real
/// images is above the target and down where it is below, from 0 to 1 within `ada_kimg`.
class Augmentation {
 public:
  explicit Augmentation(const AugmentationOptions& options);

  /// Whether there are operations at all.
  bool any() const { return operations_.any(); }
  /// Images [N, C, R, R], changed, with gradients of every order; random numbers from `random`.
  torch::Tensor operator()(const torch::Tensor& images, const at::Generator& random) const;
  /// p in 0 … 1.
  double probability() const { return p_.item<double>(); }

  /// Puts what p adapts to into `statistics`: E sign of the discriminator's scores [N] of what it is to take for real.
  /// They only count where these images are `real`, rather than a teacher's.
  void watch(const torch::Tensor& scores, bool real, std::map<std::string, torch::Tensor>& statistics) const;
  /// Takes the statistics of one batch; others' are passed over.
  void update_statistics(const std::map<std::string, torch::Tensor>& statistics);
  /// Tensors that a resumed run needs, shared with this; none where p is fixed.
  std::map<std::string, torch::Tensor> state() const;

 private:
  DiffAugment operations_;
  double target_, per_batch_;
  torch::Tensor p_, signs_, batches_;  // the sums since p moved last
};

}  // namespace dgl
