#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl::ops {

/// What follows a group norm: nothing, y * sigmoid(y), or max(y, 0).
enum class NormActivation : int64_t { none, silu, relu };

/// Computes group norm (Wu and He 2018, arXiv 1803.08494), its affine map and an activation in one:
///
///     y = gain * (x - mean) / sqrt(var + epsilon) + bias,    activation(y)
///
/// Mean and biased variance are of each image's channels in a group, over all pixels. Shapes: x [N, C, H, W], C a
/// multiple of `groups`; gain and bias [C]. Statistics, gain and bias stay float32 if x is bfloat16. First and second
/// derivatives are exact. Second derivatives are computed by stock operations. Reference: at::group_norm, at::silu,
/// at::relu.
torch::Tensor group_norm(const torch::Tensor& x, int64_t groups, const torch::Tensor& gain, const torch::Tensor& bias,
                         double epsilon, NormActivation activation);

}  // namespace dgl::ops
