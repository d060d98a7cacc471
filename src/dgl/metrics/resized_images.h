#pragma once

#include <functional>

#include "dgl/base/torch.h"
#include "dgl/data/resize.h"

namespace dgl {

/// Applies `resize` to each of the images [N, C, H, W] uint8, which gives [h, w, C] of any type. Returns [N, C, h, w]
/// float32 on the images' device.
torch::Tensor each_resized(const torch::Tensor& images_u8,
                           const std::function<torch::Tensor(const SourceImage& image)>& resize);

}  // namespace dgl
