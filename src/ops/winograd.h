#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2015, arXiv 1509.09308): a 3x3 convolution of stride 1
/// with 36 products for every 16 output pixels instead of 144. Channels-last float32 on the CPU; tiles are
/// transformed, multiplied and transformed back in blocks that stay in the cache, so that no other layout is needed.
/// Rounding differs from direct convolution by a few 1e-6 of the largest value, up
/// to 1e-5 in gradients to weights.

/// Whether the functions below can serve a 3x3 convolution of stride 1 and padding 1 of [N, in, H, W] to `out` channels.
bool winograd_serves(const torch::Tensor& x, int64_t in, int64_t out);

/// x [N, C, H, W], w [O, C, 3, 3] -> [N, O, H, W], padding 1. Reference: at::conv2d.
torch::Tensor winograd_conv2d(const torch::Tensor& x, const torch::Tensor& w);

/// The gradient of winograd_conv2d to its weight: x [N, C, H, W], g [N, O, H, W] -> [O, C, 3, 3].
torch::Tensor winograd_weight_gradient(const torch::Tensor& x, const torch::Tensor& g);

}  // namespace dgl::ops
