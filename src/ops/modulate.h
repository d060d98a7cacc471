#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// y[n, c, h, w] = x[n, c, h, w] * s[n, c]: how a style modulates or demodulates feature maps around a dense
/// convolution. It and channel_dot are each other's derivatives, so both differentiate any number of times.
torch::Tensor channel_scale(const torch::Tensor& x, const torch::Tensor& s);

/// d[n, c] = sum over pixels of a[n, c, h, w] * b[n, c, h, w].
torch::Tensor channel_dot(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace dgl::ops
