#pragma once

#include "ops/amx.h"
#include "ops/winograd.h"

namespace dgl::ops {

// 3x3 convolutions of stride 1 and padding 1 by a kernel of this room: on the matrix unit where there is one for the data's type,
// else Winograd's. Private to this room.

inline bool conv3x3_serves(const torch::Tensor& x, int64_t in, int64_t out) {
  return amx_serves(x, in, out) || winograd_serves(x, in, out);
}

inline torch::Tensor conv3x3(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& in_scale = {},
                             const std::optional<OutputStep>& step = {}) {
  return amx_serves(x, w.size(1), w.size(0)) ? amx_conv2d(x, w, 1, 1, in_scale, step) : winograd_conv2d(x, w, in_scale, step);
}

inline torch::Tensor conv3x3_input_gradient(const torch::Tensor& g, const torch::Tensor& w, const torch::Tensor& g_scale = {}) {
  return amx_serves(g, w.size(0), w.size(1)) ? amx_input_gradient(g, w, g.size(2), g.size(3), 1, 1, g_scale)
                                             : winograd_input_gradient(g, w, g_scale);
}

inline torch::Tensor conv3x3_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, const torch::Tensor& x_scale = {},
                                             const torch::Tensor& g_scale = {}) {
  return amx_serves(x, x.size(1), g.size(1)) ? amx_weight_gradient(x, g, 1, 1, x_scale, g_scale)
                                             : winograd_weight_gradient(x, g, x_scale, g_scale);
}

}  // namespace dgl::ops
