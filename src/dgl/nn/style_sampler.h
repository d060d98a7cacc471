#pragma once

#include <cstdint>

#include "dgl/base/torch.h"

namespace dgl {

/// A sampler whose images are made of styles w: it maps latents z to w, and every layer of the network that makes the
/// image takes a w of its own, the same one for all in training (Karras et al. 2019, arXiv 1812.04948). Styles can be
/// interpolated, mixed by layers and found for an image.
class StyleSampler {
 public:
  virtual ~StyleSampler() = default;
  virtual int64_t w_dim() const = 0;
  /// Number of style inputs, from the coarsest layer to the finest.
  virtual int64_t num_ws() const = 0;
  /// Maps z [N, z_dim] and labels [N] (undefined without labels) to w [N, w_dim].
  virtual torch::Tensor map(const torch::Tensor& z, const torch::Tensor& labels) = 0;
  /// The mean of w [w_dim], toward which truncation moves.
  virtual const torch::Tensor& mean_w() const = 0;
  /// Maps ws [N, num_ws, w_dim] to images [N, C, R, R]. Draws fresh noise from `noise`, or uses the stored noise if it
  /// is undefined.
  virtual torch::Tensor synthesize(const torch::Tensor& ws, const at::Generator& noise) = 0;
};

}  // namespace dgl
