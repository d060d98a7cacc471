#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace dgl {

/// Tiles images [N, C, H, W] (float in -1 … 1, or uint8) into one picture [rows * H, columns * W, C] uint8, row by row;
/// cells without an image stay black. C is 1 or 3.
torch::Tensor image_grid(const torch::Tensor& images, int64_t columns);

/// The PNG file's bytes of a picture [H, W, C] uint8, C 1 or 3 (libpng).
std::vector<uint8_t> encode_png(const torch::Tensor& picture);

/// image_grid + encode_png + AtomicFile. `scale` enlarges each pixel to scale x scale, for people's eyes.
void write_grid(const std::filesystem::path& path, const torch::Tensor& images, int64_t columns, int64_t scale = 1);

}  // namespace dgl
