#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "dgl/ops/activation_gradient.h"
#include "dgl/ops/adam_update.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/group_norm.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl::ops::gpu {

// The GPU's kernels as functions of tensors, for which runs() is true: what operations of ops/ compute, without
// derivatives. Maps are [N, C, H, W], of float32 or bfloat16; everything else is float32. Private to this library.

/// act(x * scale[n, c] + strength * noise + bias[c]) * gain. `x` may also be [N, C]. `scale` [N, C] and `noise`
/// [N or 1, 1, H, W] may be undefined, `strength` only without noise.
torch::Tensor act(const torch::Tensor& x, const torch::Tensor& scale, const torch::Tensor& bias,
                  const torch::Tensor& noise, const torch::Tensor& strength, Activation a);
/// g * gain where y > 0, else g * gain * alpha.
torch::Tensor act_slope(const torch::Tensor& g, const torch::Tensor& y, Activation a);
/// See ops::activation_gradient().
ActivationGradient act_gradient(const torch::Tensor& dy, const torch::Tensor& y, const torch::Tensor& noise,
                                const torch::Tensor& scale, bool want_dot_t, Activation a);

/// See ops::channel_scale(), ops::channel_dot() and ops::scale_and_dot().
torch::Tensor channel_scale(const torch::Tensor& x, const torch::Tensor& s);
torch::Tensor channel_dot(const torch::Tensor& a, const torch::Tensor& b);
std::pair<torch::Tensor, torch::Tensor> scale_and_dot(const torch::Tensor& g, const torch::Tensor& s,
                                                      const torch::Tensor& x);

/// The map curve(a (x - mean) + b) of a normalization, all three [N or 1, C].
struct NormMap {
  torch::Tensor mean, a, b;
  NormActivation curve = NormActivation::none;
  bool upsample = false;  ///< by 2 x 2, nearest neighbor
};
/// Returns the sums over pixels of x - origin and of its square, [N, C] each; `origin` [N or 1, C].
std::pair<torch::Tensor, torch::Tensor> norm_statistics(const torch::Tensor& x, const torch::Tensor& origin);
torch::Tensor norm_apply(const torch::Tensor& x, const NormMap& map);
/// Returns the sums over pixels of dt and of dt (x - mean), [N, C] each: dt is dy (of an upsampled one, the sum of its
/// four) times the activation's slope.
std::pair<torch::Tensor, torch::Tensor> norm_gradient_sums(const torch::Tensor& dy, const torch::Tensor& x,
                                                           const NormMap& map);
/// Returns a dt + p (x - mean) + q, with p and q [N or 1, C].
torch::Tensor norm_input_gradient(const torch::Tensor& dy, const torch::Tensor& x, const NormMap& map,
                                  const torch::Tensor& p, const torch::Tensor& q);

/// Returns factor * s for 2 x 2 pixels each, + y if that is defined.
torch::Tensor spread(const torch::Tensor& s, float factor, const torch::Tensor& y);
/// Returns factor * the sum of 2 x 2 pixels of y, + s if that is defined.
torch::Tensor gather(const torch::Tensor& y, float factor, const torch::Tensor& s);

/// See ops::reflect(); reflect_adjoint() is its adjoint.
torch::Tensor reflect(const torch::Tensor& x, int64_t edge);
torch::Tensor reflect_adjoint(const torch::Tensor& g, int64_t edge);

/// See ops::upfirdn2d(); + `added` if that is defined.
torch::Tensor upfirdn2d(const torch::Tensor& x, const Resample& r, const torch::Tensor& added = {});

/// The channels of an image at most, to or from which these take 1x1 convolutions.
constexpr int64_t kFewChannels = 4;
/// See ops::pointwise() and ops::pointwise_weight_gradient(), for few channels in or out.
/// From few channels, `added` is added if it is defined.
torch::Tensor pointwise(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& added = {});
torch::Tensor pointwise_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, bool per_image);

/// A parameter of float32 with its moments and its gradient, which may be undefined for zeros; all contiguous.
struct AdamTensors {
  torch::Tensor parameter, m, v, gradient;
};
/// See ops::adam_update(), with the gradients times `gradient_scale`. A launch takes 48 parameters.
void adam(const std::vector<AdamTensors>& tensors, const AdamNumbers& numbers, float gradient_scale);

}  // namespace dgl::ops::gpu
