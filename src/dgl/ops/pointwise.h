#pragma once

#include <torch/types.h>

#include <utility>

namespace dgl::ops {

/// Computes a 1x1 convolution with the same weights for all images or each image's own: x [N, C, H, W], float32 w [N or
/// 1, O, C] -> [N, O, H, W] of x's type. It is differentiable any number of times. Reference: at::einsum.
torch::Tensor pointwise(const torch::Tensor& x, const torch::Tensor& w);

/// Returns {x, pointwise(x, w)}, for two branches of a network. Going back, the first branch's gradient is added as the
/// second's is computed, which saves a sweep if w has few outputs.
std::pair<torch::Tensor, torch::Tensor> branch_pointwise(const torch::Tensor& x, const torch::Tensor& w);

/// Computes the gradient of pointwise with respect to its weights, in float32: x [N, C, H, W], g [N, O, H, W] -> [N, O,
/// C] if `per_image`, else their sum [1, O, C].
torch::Tensor pointwise_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, bool per_image);

}  // namespace dgl::ops
