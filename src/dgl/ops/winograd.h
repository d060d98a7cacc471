#pragma once

#include <torch/types.h>

#include <optional>

#include "dgl/ops/epilogue.h"

namespace dgl::ops {

/// Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2015, arXiv 1509.09308): a 3x3 convolution of stride 1
/// with 36 products for every 16 output pixels instead of 144. Channels-last float32 or bfloat16 on the CPU (computed
/// in float32); tiles are transformed, multiplied and transformed back in blocks that stay in the cache, so that no
/// other layout is needed. Rounding differs from direct convolution by a few 1e-6 of the largest value, up to 1e-5 in
/// gradients to weights.

/// Whether the functions below can serve a 3x3 convolution of stride 1 and padding 1 of [N, in, H, W] to `out`
/// channels, and are quicker than direct convolution at it.
bool winograd_supports(const torch::Tensor& x, int64_t in, int64_t out);

/// x [N, C, H, W], w [O, C, 3, 3] -> [N, O, H, W] of x's type, padding 1; x is scaled by in_scale [N, C] first where
/// that is defined. Weights, scales, noise and bias are float32. Reference: at::conv2d.
torch::Tensor winograd_conv2d(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& in_scale = {},
                              const std::optional<EpilogueParams>& step = {});

/// The gradient of winograd_conv2d to its data: g [N, O, H, W], w [O, C, 3, 3] -> [N, C, H, W]; g is scaled by g_scale
/// [N, O] first where that is defined.
torch::Tensor winograd_input_gradient(const torch::Tensor& g, const torch::Tensor& w,
                                      const torch::Tensor& g_scale = {});

/// The gradient of winograd_conv2d to its weight: x [N, C, H, W], g [N, O, H, W] -> [O, C, 3, 3] float32, x and g
/// scaled by x_scale [N, C] and g_scale [N, O] first where these are defined.
torch::Tensor winograd_weight_gradient(const torch::Tensor& x, const torch::Tensor& g,
                                       const torch::Tensor& x_scale = {}, const torch::Tensor& g_scale = {});

}  // namespace dgl::ops
