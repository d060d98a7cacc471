#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl::ops {

/// Computes group norm (Wu and He 2018, arXiv 1803.08494), its affine map and, with `silu`, SiLU in one:
///
///     y = gain * (x - mean) / sqrt(var + epsilon) + bias,    y * sigmoid(y)
///
/// Mean and biased variance are of each image's channels in a group, over all pixels. Shapes: x [N, C, H, W], C a
/// multiple of `groups`; gain and bias [C]. Statistics, gain and bias stay float32 if x is bfloat16. First and second
/// derivatives are exact. Second derivatives are computed by stock operations. Reference: at::group_norm, at::silu.
torch::Tensor group_norm(const torch::Tensor& x, int64_t groups, const torch::Tensor& gain, const torch::Tensor& bias,
                         double epsilon, bool silu);

}  // namespace dgl::ops
