#pragma once

#include <torch/types.h>

namespace dgl::ops {

// These functions add the shortcut of a residual block that changes the resolution. They take one sweep and are
// differentiable any number of times.

/// Returns y [N, C, 2 H, 2 W] + s [N, C, H, W], with s upsampled by nearest neighbor. Reference:
/// at::upsample_nearest2d.
torch::Tensor add_upsampled(const torch::Tensor& y, const torch::Tensor& s);

/// Returns y [N, C, 2 H, 2 W] averaged over 2 x 2 pixels + s [N, C, H, W]. Reference: at::avg_pool2d.
torch::Tensor add_pooled(const torch::Tensor& y, const torch::Tensor& s);

/// Returns x [N, C, 2 H, 2 W] averaged over 2 x 2 pixels, for the shortcut itself. Reference: at::avg_pool2d.
torch::Tensor average_pool(const torch::Tensor& x);

}  // namespace dgl::ops
