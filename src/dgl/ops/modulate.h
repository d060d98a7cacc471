#pragma once

#include <torch/types.h>

#include <utility>

namespace dgl::ops {

/// Computes y[n, c, h, w] = x[n, c, h, w] * s[n, c]. A style modulates or demodulates feature maps this way around a
/// dense convolution. channel_scale and channel_dot are each other's derivatives, so both are differentiable any number
/// of times.
torch::Tensor channel_scale(const torch::Tensor& x, const torch::Tensor& s);

/// Computes d[n, c], the sum over pixels of a[n, c, h, w] * b[n, c, h, w].
torch::Tensor channel_dot(const torch::Tensor& a, const torch::Tensor& b);

/// Computes {channel_scale(g, s), channel_dot(g, x)} in one pass: the gradients of channel_scale(x, s). It is not
/// differentiable itself.
std::pair<torch::Tensor, torch::Tensor> scale_and_dot(const torch::Tensor& g, const torch::Tensor& s,
                                                      const torch::Tensor& x);

}  // namespace dgl::ops
