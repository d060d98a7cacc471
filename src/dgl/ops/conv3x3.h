#pragma once

#include <cstdint>
#include <optional>

#include "dgl/base/torch.h"
#include "dgl/ops/amx.h"
#include "dgl/ops/winograd.h"

namespace dgl::ops {

// 3x3 convolutions by a kernel of this library. They use the matrix unit if it supports the data's type. Otherwise they
// use Winograd's algorithm, which needs stride 1. Private to this library.

inline bool conv3x3_supports(const torch::Tensor& x, int64_t in, int64_t out, int64_t stride, int64_t padding) {
  return padding <= 1 &&
         ((stride <= 2 && amx_supports(x, in, out)) || (stride == 1 && winograd_supports(x, in, out, padding)));
}

inline torch::Tensor conv3x3(const torch::Tensor& x, const torch::Tensor& w, int64_t stride, int64_t padding,
                             const torch::Tensor& in_scale = {}, const std::optional<EpilogueParams>& step = {}) {
  return amx_supports(x, w.size(1), w.size(0)) ? amx_conv2d(x, w, stride, padding, in_scale, step)
                                               : winograd_conv2d(x, w, padding, in_scale, step);
}

/// `height` and `width` are the size of the convolution's data.
inline torch::Tensor conv3x3_input_gradient(const torch::Tensor& g, const torch::Tensor& w, int64_t height,
                                            int64_t width, int64_t stride, int64_t padding,
                                            const torch::Tensor& g_scale = {}) {
  return amx_supports(g, w.size(0), w.size(1)) ? amx_input_gradient(g, w, height, width, stride, padding, g_scale)
                                               : winograd_input_gradient(g, w, padding, g_scale);
}

inline torch::Tensor conv3x3_weight_gradient(const torch::Tensor& x, const torch::Tensor& g, int64_t stride,
                                             int64_t padding, const torch::Tensor& x_scale = {},
                                             const torch::Tensor& g_scale = {}) {
  return amx_supports(x, x.size(1), g.size(1)) ? amx_weight_gradient(x, g, stride, padding, x_scale, g_scale)
                                               : winograd_weight_gradient(x, g, padding, x_scale, g_scale);
}

}  // namespace dgl::ops
