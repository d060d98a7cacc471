#pragma once

#include <torch/types.h>

namespace dgl::ops {

// How a residual block that changes the resolution adds its shortcut, in one sweep; differentiable any number of times.

/// y [N, C, 2 H, 2 W] + s [N, C, H, W] upsampled to the nearest. Reference: at::upsample_nearest2d.
torch::Tensor add_upsampled(const torch::Tensor& y, const torch::Tensor& s);

/// y [N, C, 2 H, 2 W] averaged over 2 x 2 pixels + s [N, C, H, W]. Reference: at::avg_pool2d.
torch::Tensor add_pooled(const torch::Tensor& y, const torch::Tensor& s);

}  // namespace dgl::ops
