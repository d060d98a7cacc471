#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl {

/// Images [N, C, R, R] as a teacher takes them, [N, channels, resolution, resolution], with gradients: means over
/// blocks of pixels where they are reduced, bilinear where they are enlarged; gray repeated as RGB, RGB as luma (ITU-R
/// BT.601: 0.299 R + 0.587 G + 0.114 B). One of the two resolutions is a multiple of the other.
torch::Tensor fit_images(const torch::Tensor& images, int64_t channels, int64_t resolution);

}  // namespace dgl
