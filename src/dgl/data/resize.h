#pragma once

#include "dgl/data/source.h"

namespace dgl {

/// The largest centred square of an image.
SourceImage centre_crop(const SourceImage& image);

/// Zeros around an image, evenly, up to size x size.
SourceImage pad_to(const SourceImage& image, int64_t size);

/// Antialiased Lanczos (a = 3) to size x size: the kernel widens with the reduction. As Pillow's Image.resize with
/// LANCZOS, to the byte: weights in 22-bit fixed point, rows first, each pass rounded to uint8.
SourceImage resize_lanczos(const SourceImage& image, int64_t size);

/// Gray (ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, rounded as Pillow does) or RGB (three times the same).
SourceImage with_channels(const SourceImage& image, int64_t channels);

}  // namespace dgl
