#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/data/diff_augment.h"

namespace dgl {

/// Settings of an Augmentation.
struct AugmentationOptions {
  std::string operations;   ///< comma-separated: color, translation, cutout (data/diff_augment.h); empty: none
  double probability = 1;   ///< probability of each operation per image; unused if it adapts (it then starts at 0)
  double ada_target = 0;    ///< if above 0, the probability adapts so that E sign(D(x)) approaches this
  double ada_images = 5e5;  ///< number of images in which the probability can rise from 0 to 1
  int64_t batch = 32;       ///< images per step
};

/// Augments every image that a discriminator sees, the student's or a teacher's, real or generated. Applies each
/// DiffAugment operation to each image with probability p.
///
/// p is fixed, or adaptive as in ADA (Karras et al. 2020, arXiv 2006.06676, section 3.1). Adaptive p starts at 0 and
/// changes every four batches. It rises if r = E sign(D(x)) of real images is above the target and falls if r is below
/// it. It can rise from 0 to 1 within `ada_images` images.
class Augmentation {
 public:
  explicit Augmentation(const AugmentationOptions& options);

  /// True if there is any operation.
  bool any() const { return operations_.any(); }
  /// Returns augmented images [N, C, R, R]. Gradients of every order are supported. Random numbers come from `random`.
  torch::Tensor operator()(const torch::Tensor& images, const at::Generator& random) const;
  /// Returns p, in 0 … 1.
  double probability() const { return p_.item<double>(); }

  /// Adds what p adapts to, the mean sign of the discriminator's scores [N], to `statistics`. The scores are of images
  /// that it learns to take for real. They count only if the images are `real`, not a teacher's.
  void watch(const torch::Tensor& scores, bool real, std::map<std::string, torch::Tensor>& statistics) const;
  /// Updates p from the statistics of one batch. Ignores unknown keys.
  void update_statistics(const std::map<std::string, torch::Tensor>& statistics);
  /// Returns the tensors that a resumed run needs, shared with this object. Empty if p is fixed.
  std::map<std::string, torch::Tensor> state() const;

 private:
  DiffAugment operations_;
  double target_, per_batch_;
  torch::Tensor p_, signs_, batches_;  // sums since p last changed
};

}  // namespace dgl
