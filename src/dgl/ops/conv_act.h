#pragma once

#include <torch/types.h>

#include "dgl/ops/bias_act.h"

namespace dgl::ops {

/// Computes bias_act(conv2d(x, w, 1, 1), bias) for a 3x3 convolution w [O, C, 3, 3] of x [N, C, H, W]: a layer of
/// StyleGAN2's discriminator. If a kernel of this library supports it (ops/conv3x3.h), bias and activation are applied
/// while outputs are stored. Otherwise the two operations run one after the other. First and second derivatives are
/// exact. If second derivatives are known to be wanted, TwiceDifferentiable saves computing the layer again for them.
torch::Tensor conv_act(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& bias,
                       Activation activation = {});

/// Computes a layer of StyleGAN2's synthesis network, likewise in one operation:
///
///     noise_bias_act(channel_scale(conv2d(channel_scale(x, styles), w, 1, 1), demodulation), noise, strength, bias)
///
/// styles [N, C], demodulation [N, O], noise [N or 1, 1, H, W] (receives no gradient), a scalar strength, bias [O]. The
/// activation's slope must be above 0.
torch::Tensor modulated_conv_act(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& styles,
                                 const torch::Tensor& demodulation, const torch::Tensor& noise,
                                 const torch::Tensor& strength, const torch::Tensor& bias, Activation activation = {});

}  // namespace dgl::ops
