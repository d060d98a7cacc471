#pragma once

#include <torch/types.h>

#include <cstdint>

namespace dgl::ops {

/// Returns x [N, C, H, W] with `edge` pixels more at each side, which mirror those within but for the outermost: [N, C,
/// H + 2 edge, W + 2 edge]. One sweep, differentiable any number of times. H and W are greater than `edge`. Reference:
/// at::reflection_pad2d, which leaves the channels-last layout, and takes no bfloat16 in libtorch 1.13.
torch::Tensor reflect(const torch::Tensor& x, int64_t edge);

}  // namespace dgl::ops
