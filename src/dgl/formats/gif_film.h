#pragma once

#include <torch/types.h>

#include <string>

namespace dgl {

/// How an animated GIF is written.
struct GifOptions {
  int hundredths = 5;   ///< of a second that each picture stands, 2 … 65535
  bool dither = false;  ///< see map_to_palette(); gray pictures need none
};

/// Encodes pictures [N, H, W, C] uint8, C 1 or 3, as an animated GIF that repeats forever (giflib). Gray pictures are
/// kept exactly, on one palette of all 256 grays; each color picture has the palette that choose_palette() finds for it
/// alone, so that one of at most 256 colors is kept exactly too. Throws Error for other tensors and for sides above
/// 65535.
std::string encode_gif(const torch::Tensor& pictures, const GifOptions& options = {});

}  // namespace dgl
