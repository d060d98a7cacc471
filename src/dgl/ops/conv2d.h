#pragma once

#include <torch/types.h>

namespace dgl::ops {

/// Cross-correlation of x [N, C, H, W] with w [O, C, k, k], zero padding on all sides, no bias: [N, O, H', W'],
/// H' = (H + 2 padding - k) / stride + 1. Differentiable any number of times: it, its gradient to the data and its
/// gradient to the weight form a closed triple, each the derivative of another, so that ATen's generic double backward
/// is never reached. Reference: at::conv2d.
torch::Tensor conv2d(const torch::Tensor& x, const torch::Tensor& w, int64_t stride, int64_t padding);

/// The adjoint of conv2d in its data: g [N, O, H', W'], w [O, C, k, k] -> [N, C, height, width], where `height` and
/// `width` are the size of the conv2d's input. With stride 2 this is the transposed convolution of StyleGAN2's
/// upsampling layers. Reference: at::conv_transpose2d.
torch::Tensor conv2d_transpose(const torch::Tensor& g, const torch::Tensor& w, int64_t height, int64_t width,
                               int64_t stride, int64_t padding);

}  // namespace dgl::ops
