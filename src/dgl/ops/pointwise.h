#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// A 1x1 convolution, with the same weights for all images or each image's own: x [N, C, H, W], w [N or 1, O, C]
/// float32
/// -> [N, O, H, W] of x's type. Differentiable any number of times. Reference: at::einsum.
torch::Tensor pointwise(const torch::Tensor& x, const torch::Tensor& w);

/// The gradient of pointwise to its weights: x [N, C, H, W], g [N, O, H, W] -> [N, O, C] where `per_image`, else their
/// sum [1, O, C]; float32.
torch::Tensor pointwise_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, bool per_image);

}  // namespace dgl::ops
