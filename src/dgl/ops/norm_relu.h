#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// The statistics that a batch norm normalizes by.
struct NormStatistics {
  torch::Tensor mean, var;  ///< [C], stored; updated if `momentum` is above 0
  double momentum = 0;      ///< 0: uses the stored ones; else uses the batch's, and stores them with this weight
  double epsilon = 1e-5;
};

/// Computes batch norm, its affine map and ReLU in one: relu(gain * (v - mean) / sqrt(var + epsilon) + bias) with v = x
/// + shift. Shapes: x [N, C, H, W], gain and bias [N, C] or [1, C], shift [C] or undefined for 0.
///
/// The batch's statistics are those of v over N, H and W, and gradients flow through them. The stored variance is the
/// unbiased one. With the batch's statistics a shift changes only the stored mean, and its gradient is 0. Statistics,
/// gain and bias stay float32 if x is bfloat16. With `upsample` every pixel of the result is stored as 2 x 2 pixels:
/// [N, C, 2 H, 2 W]. First and second derivatives are exact. Second derivatives are computed by stock operations.
/// Reference: at::batch_norm, at::upsample_nearest2d.
torch::Tensor norm_relu(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& gain,
                        const torch::Tensor& bias, const NormStatistics& statistics, bool upsample = false);

}  // namespace dgl::ops
