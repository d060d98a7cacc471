#pragma once

#include <torch/types.h>

#include "dgl/ops/bias_act.h"

namespace dgl::ops {

/// bias_act(conv2d(x, w, 1, 1), bias) for a 3x3 convolution w [O, C, 3, 3] of x [N, C, H, W]: a layer of StyleGAN2's
/// discriminator. Where a kernel of our own serves (ops/conv3x3.h), bias and activation are applied as its outputs are
/// stored, and their gradients as its inputs are loaded. First and second derivatives are exact; where second ones are
/// known to be wanted, TwiceDifferentiable saves computing the layer anew for them. Elsewhere the two operations.
torch::Tensor conv_act(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& bias,
                       Activation activation = {});

/// A layer of StyleGAN2's synthesis network, in one operation likewise:
/// noise_bias_act(channel_scale(conv2d(channel_scale(x, styles), w, 1, 1), demodulation), noise, strength, bias).
/// styles [N, C], demodulation [N, O], noise [N or 1, 1, H, W] (receives no gradient), a scalar strength, bias [O];
/// the activation's slope is above 0.
torch::Tensor modulated_conv_act(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& styles,
                                 const torch::Tensor& demodulation, const torch::Tensor& noise,
                                 const torch::Tensor& strength, const torch::Tensor& bias, Activation activation = {});

}  // namespace dgl::ops
