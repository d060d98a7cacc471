#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// What a batch norm normalizes by.
struct NormStatistics {
  torch::Tensor mean, var;  ///< [C], stored; written to where `momentum` is above 0
  double momentum = 0;      ///< 0: the stored ones are used; else the batch's are, and stored with this weight
  double epsilon = 1e-5;
};

/// Batch norm, its affine map and ReLU in one: relu(gain * (v - mean) / sqrt(var + epsilon) + bias), where
/// v = x + shift, x [N, C, H, W], gain and bias [N, C] or [1, C], shift [C] or undefined for 0. The batch's statistics
/// are those of v over N, H and W, the stored variance the unbiased one; gradients flow through them. A shift changes
/// nothing but the stored mean then, and its gradient is 0. Statistics, gain and bias stay float32 where x is bfloat16.
/// With `upsample` every pixel of the result is stored as 2 x 2 of them, [N, C, 2 H, 2 W]. First and second derivatives
/// are exact; the second ones are the composition's. Reference: at::batch_norm, at::upsample_nearest2d.
torch::Tensor norm_relu(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& gain,
                        const torch::Tensor& bias, const NormStatistics& statistics, bool upsample = false);

}  // namespace dgl::ops
