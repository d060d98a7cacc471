#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl::ops {

/// Computes the cross-correlation of x [N, C, H, W] with w [O, C, k, k], with zero padding on all sides and no bias.
/// Returns [N, O, H', W'] with H' = (H + 2 padding - k) / stride + 1. It is differentiable any number of times. The
/// operation, its gradient to the data and its gradient to the weight are each the derivative of another. ATen's
/// generic double backward is therefore never used. Reference: at::conv2d.
torch::Tensor conv2d(const torch::Tensor& x, const torch::Tensor& w, int64_t stride, int64_t padding);

/// Computes the adjoint of conv2d with respect to its data: g [N, O, H', W'], w [O, C, k, k] -> [N, C, height, width].
/// `height` and `width` are the size of the conv2d's input. With stride 2 this is the transposed convolution of
/// StyleGAN2's upsampling layers. Reference: at::conv_transpose2d.
torch::Tensor conv2d_transpose(const torch::Tensor& g, const torch::Tensor& w, int64_t height, int64_t width,
                               int64_t stride, int64_t padding);

}  // namespace dgl::ops
