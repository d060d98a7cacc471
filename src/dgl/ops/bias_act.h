#pragma once

#include <torch/types.h>

#include "dgl/ops/upfirdn2d.h"

namespace dgl::ops {

/// An activation: leaky ReLU with slope `alpha` on the negative side (1: linear, 0: ReLU), then a gain.
struct Activation {
  double alpha = 0.2;
  double gain = 1.4142135623730951;
};

/// Computes act(x + bias[c]) * gain in one pass, as StyleGAN2's bias_act. x [N, C] or [N, C, H, W], bias [C]. A gain of
/// sqrt(2) keeps the variance. First and second derivatives are exact.
torch::Tensor bias_act(const torch::Tensor& x, const torch::Tensor& bias, Activation activation = {});

/// Computes act(x + strength * noise + bias[c]) * gain in one pass. x [N, C, H, W], noise [N or 1, 1, H, W], a scalar
/// strength. The noise receives no gradient.
torch::Tensor noise_bias_act(const torch::Tensor& x, const torch::Tensor& noise, const torch::Tensor& strength,
                             const torch::Tensor& bias, Activation activation = {});

/// Does the same for x * scale[n, c]. `scale` is [N, C], or undefined for 1. It receives a gradient only if alpha > 0.
torch::Tensor scale_noise_bias_act(const torch::Tensor& x, const torch::Tensor& scale, const torch::Tensor& noise,
                                   const torch::Tensor& strength, const torch::Tensor& bias,
                                   Activation activation = {});

/// Does the same for upfirdn2d(x, resample) instead of x, whose sizes the noise has. On a CPU a line is finished while
/// it is in the cache.
torch::Tensor resample_scale_noise_bias_act(const torch::Tensor& x, const Resample& resample,
                                            const torch::Tensor& scale, const torch::Tensor& noise,
                                            const torch::Tensor& strength, const torch::Tensor& bias,
                                            Activation activation = {});

}  // namespace dgl::ops
