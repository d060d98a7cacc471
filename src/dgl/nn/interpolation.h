#pragma once

#include "dgl/base/torch.h"

namespace dgl {

/// Spherical interpolation of latents: the point at the share `t` (0 … 1) of the arc from `from` to `to`, tensors of
/// one shape, each taken as a single vector (Shoemake 1985, doi 10.1145/325334.325242; for latents White 2016, arXiv
/// 1609.04468). Vectors in the same or in opposite directions are interpolated linearly.
torch::Tensor slerp(const torch::Tensor& from, const torch::Tensor& to, double t);

}  // namespace dgl
