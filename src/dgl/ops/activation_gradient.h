#pragma once

#include <torch/types.h>

#include "dgl/ops/bias_act.h"

namespace dgl::ops {

// The backward pass of layers that end in y = act(t) * gain with t = x * scale[n, c] + strength * noise + bias[c]. It
// takes one sweep over dy and y. Private to this library.

struct ActivationGradient {
  torch::Tensor dx;     ///< dt * scale, [N, C, H, W], with dt = dy * gain * act'(t)
  torch::Tensor sum;    ///< sum of dt over pixels, [N, C]
  torch::Tensor dot_t;  ///< sum of dt * t over pixels, [N, C]; undefined unless wanted
  torch::Tensor dot_z;  ///< sum of dt * noise over pixels, [N, C]; undefined without noise
};

/// Returns true if activation_gradient() supports outputs like `y`: [N, C, H, W], float32 or bfloat16, on a GPU, or on
/// the CPU with C a multiple of kVecSize.
bool activation_gradient_supports(const torch::Tensor& y);

/// Computes the gradients. `noise` is [N or 1, 1, H, W] or undefined; `scale` is [N, C], or undefined for 1. dot_t
/// needs alpha > 0, since otherwise y does not determine t.
ActivationGradient activation_gradient(const torch::Tensor& dy, const torch::Tensor& y, const torch::Tensor& noise,
                                       const torch::Tensor& scale, bool want_dot_t, Activation activation);

/// Returns the gradient with respect to the scale, [N, C]: the sum of dt * x. It follows from dot_t, so that x need not
/// be kept.
torch::Tensor scale_gradient(const ActivationGradient& g, const torch::Tensor& scale, const torch::Tensor& bias,
                             const torch::Tensor& strength);

}  // namespace dgl::ops
