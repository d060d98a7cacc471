#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "dgl/ops/epilogue.h"

// Defined if this program is compiled for Linux and a processor with AMX.
#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define DGL_AMX
#endif

namespace dgl::ops {

/// Direct 3x3 convolutions on the matrix unit of Intel processors (AMX). One instruction multiplies 16 x 32 by 32 x 16
/// bfloat16 numbers and adds the products in float32 (Intel 64 and IA-32 Architectures Software Developer's Manual,
/// volume 1, chapter 18). Data is channels-last bfloat16. It is scaled and padded while it is copied into the cache.
/// Weights are float32 and are rounded to bfloat16. Each sum is rounded once, when it is stored.

/// Returns true if the functions below support a 3x3 convolution of `x` [N, in, H, W] to `out` channels. This needs
/// bfloat16 and channels in multiples of 32. The program must be compiled for a processor with AMX and run on one.
bool amx_supports(const torch::Tensor& x, int64_t in, int64_t out);

/// Computes x [N, C, H, W], w [O, C, 3, 3] -> [N, O, H', W'] with stride 1 or 2 and padding 0 or 1. `x` is first scaled
/// by `in_scale` [N, C] if that is defined. `step` is applied to outputs before they are stored. Reference: at::conv2d.
torch::Tensor amx_conv2d(const torch::Tensor& x, const torch::Tensor& w, int64_t stride, int64_t padding,
                         const torch::Tensor& in_scale = {}, const std::optional<EpilogueParams>& step = {});

/// Computes the gradient of amx_conv2d with respect to its data, which is the transposed convolution: g [N, O, H', W'],
/// w [O, C, 3, 3] -> [N, C, height, width]. `g` is first scaled by `g_scale` [N, O] if that is defined.
torch::Tensor amx_input_gradient(const torch::Tensor& g, const torch::Tensor& w, int64_t height, int64_t width,
                                 int64_t stride, int64_t padding, const torch::Tensor& g_scale = {});

/// Computes the gradient of amx_conv2d with respect to its weight: x [N, C, H, W], g [N, O, H', W'] -> [O, C, 3, 3]
/// float32. `x` and `g` are first scaled by `x_scale` [N, C] and `g_scale` [N, O] if these are defined.
torch::Tensor amx_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, int64_t stride, int64_t padding,
                                  const torch::Tensor& x_scale = {}, const torch::Tensor& g_scale = {});

}  // namespace dgl::ops
