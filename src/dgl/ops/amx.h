#pragma once

#include <torch/types.h>

#include <optional>

#include "dgl/ops/epilogue.h"

// Whether this program is compiled for such a processor.
#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define DGL_AMX
#endif

namespace dgl::ops {

/// Direct 3x3 convolutions on the matrix unit of Intel processors (AMX: products of 16 x 32 by 32 x 16 bfloat16
/// numbers, summed in float32; Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18).
/// Channels-last bfloat16 data, scaled and padded as they are copied into the cache; float32 weights, rounded to
/// bfloat16. Sums are rounded once, as they are stored.

/// Whether the functions below can serve a 3x3 convolution of `x` [N, in, H, W] to `out` channels: bfloat16, channels
/// in thirty-twos, and a program that was compiled for such a processor and runs on one.
bool amx_supports(const torch::Tensor& x, int64_t in, int64_t out);

/// x [N, C, H, W], w [O, C, 3, 3] -> [N, O, H', W'] with stride 1 or 2 and padding 0 or 1; x is scaled by in_scale [N,
/// C] first where that is defined. Reference: at::conv2d.
torch::Tensor amx_conv2d(const torch::Tensor& x, const torch::Tensor& w, int64_t stride, int64_t padding,
                         const torch::Tensor& in_scale = {}, const std::optional<EpilogueParams>& step = {});

/// The gradient of amx_conv2d to its data, which is the transposed convolution: g [N, O, H', W'], w [O, C, 3, 3] -> [N,
/// C, height, width]; g is scaled by g_scale [N, O] first where that is defined.
torch::Tensor amx_input_gradient(const torch::Tensor& g, const torch::Tensor& w, int64_t height, int64_t width,
                                 int64_t stride, int64_t padding, const torch::Tensor& g_scale = {});

/// The gradient of amx_conv2d to its weight: x [N, C, H, W], g [N, O, H', W'] -> [O, C, 3, 3] float32, x and g scaled
/// by x_scale [N, C] and g_scale [N, O] first where these are defined.
torch::Tensor amx_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, int64_t stride, int64_t padding,
                                  const torch::Tensor& x_scale = {}, const torch::Tensor& g_scale = {});

}  // namespace dgl::ops
