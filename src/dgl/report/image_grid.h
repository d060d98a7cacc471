#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace dgl {

/// Tiles images [N, C, H, W] (float in -1 … 1, or uint8) row by row into one picture [rows * H, columns * W, C] uint8.
/// Cells without an image stay black. C is 1 or 3.
torch::Tensor image_grid(const torch::Tensor& images, int64_t columns);

/// Encodes a picture [H, W, C] uint8, C 1 or 3, as a PNG file (libpng).
std::vector<uint8_t> encode_png(const torch::Tensor& picture);

/// Writes an image_grid() as a PNG file. `scale` enlarges each pixel to scale x scale.
void write_grid(const std::filesystem::path& path, const torch::Tensor& images, int64_t columns, int64_t scale = 1);

}  // namespace dgl
