#pragma once

#include <torch/types.h>

#include "dgl/ops/bias_act.h"

namespace dgl::ops {

// The backward pass of layers that end in y = act(t) * gain, t = x * scale[n, c] + strength * noise + bias[c], all in
// one sweep over dy and y. Private to this room.

struct ActivationGradient {
  torch::Tensor dx;     ///< [N, C, H, W]: dt * scale, where dt = dy * gain * act'(t)
  torch::Tensor sum;    ///< [N, C]: of dt over pixels
  torch::Tensor dot_t;  ///< [N, C]: of dt * t; undefined unless wanted
  torch::Tensor dot_z;  ///< [N, C]: of dt * noise; undefined without noise
};

/// Whether activation_gradient takes outputs like y: [N, C, H, W] on the CPU, float32 or bfloat16, C of whole
/// registers.
bool activation_gradient_supports(const torch::Tensor& y);

/// noise [N or 1, 1, H, W] or undefined; scale [N, C] or undefined: 1. dot_t is to be had where alpha > 0 alone, since
/// other outputs do not tell t.
ActivationGradient activation_gradient(const torch::Tensor& dy, const torch::Tensor& y, const torch::Tensor& noise,
                                       const torch::Tensor& scale, bool want_dot_t, Activation activation);

/// The gradient to the scale, [N, C]: the sum of dt * x, which follows from that of dt * t, so that x needs not be
/// kept.
torch::Tensor scale_gradient(const ActivationGradient& g, const torch::Tensor& scale, const torch::Tensor& bias,
                             const torch::Tensor& strength);

}  // namespace dgl::ops
