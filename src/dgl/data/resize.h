#pragma once

#include <cstdint>

#include "dgl/data/source.h"

namespace dgl {

/// Crops an image to its largest centered square.
SourceImage center_crop(const SourceImage& image);

/// Pads an image with zeros evenly to `size` x `size`.
SourceImage pad_to(const SourceImage& image, int64_t size);

/// Resizes to `size` x `size` with an antialiased Lanczos filter (a = 3), whose kernel widens when the image shrinks.
/// The result equals Pillow's Image.resize with LANCZOS byte for byte: weights in 22-bit fixed point, rows first, each
/// pass rounded to uint8.
SourceImage resize_lanczos(const SourceImage& image, int64_t size);

/// Converts an image to gray (ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, rounded as in Pillow) or to RGB (three equal
/// channels).
SourceImage with_channels(const SourceImage& image, int64_t channels);

}  // namespace dgl
