#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "dgl/ops/epilogue.h"

namespace dgl::ops {

/// Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2015, arXiv 1509.09308). It computes a 3x3 convolution
/// of stride 1 with 36 products for every 16 output pixels instead of 144. Data is channels-last float32 or bfloat16 on
/// the CPU, and is computed in float32. Tiles are transformed, multiplied and transformed back in blocks that stay in
/// the cache, so that no other layout is needed. Results differ from direct convolution by a few 1e-6 of the largest
/// value, and weight gradients by up to 1e-5.

/// Returns true if the functions below support a 3x3 convolution of stride 1 and padding 0 to 2 of [N, in, H, W] to
/// `out` channels. They must also be faster at it than direct convolution.
bool winograd_supports(const torch::Tensor& x, int64_t in, int64_t out, int64_t padding = 1);

/// Computes x [N, C, H, W], w [O, C, 3, 3] -> [N, O, H', W'] of x's type, H' being H + 2 padding - 2. `x` is first
/// scaled by `in_scale` [N, C] if that is defined. `step` is applied to outputs before they are stored. Weights,
/// scales, noise and bias are float32. Reference: at::conv2d.
torch::Tensor winograd_conv2d(const torch::Tensor& x, const torch::Tensor& w, int64_t padding = 1,
                              const torch::Tensor& in_scale = {}, const std::optional<EpilogueParams>& step = {});

/// Computes the gradient of winograd_conv2d of that padding with respect to its data: g [N, O, H', W'], w [O, C, 3, 3]
/// -> [N, C, H, W]. `g` is first scaled by `g_scale` [N, O] if that is defined.
torch::Tensor winograd_input_gradient(const torch::Tensor& g, const torch::Tensor& w, int64_t padding = 1,
                                      const torch::Tensor& g_scale = {});

/// Computes the gradient of winograd_conv2d with respect to its weight: x [N, C, H, W], g [N, O, H', W'] ->
/// [O, C, 3, 3] float32. `x` and `g` are first scaled by `x_scale` [N, C] and `g_scale` [N, O] if these are defined.
torch::Tensor winograd_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, int64_t padding = 1,
                                       const torch::Tensor& x_scale = {}, const torch::Tensor& g_scale = {});

}  // namespace dgl::ops
