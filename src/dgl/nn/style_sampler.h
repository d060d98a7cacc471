#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/sampler.h"

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
  /// Sides in pixels of the feature maps that each style input shapes, from the coarsest layer to the finest.
  virtual std::vector<int64_t> sides() const = 0;

  /// The two parts of Sampler::to_onnx(): a condition to w [N, w_dim], without truncation, and ws [N, num_ws, w_dim] to
  /// images.
  virtual std::string map_to_onnx(OnnxGraph& graph, const Sampler::ConditionNames& condition) const = 0;
  virtual std::string synthesize_to_onnx(OnnxGraph& graph, const std::string& ws) const = 0;
};

}  // namespace dgl
