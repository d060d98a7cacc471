#pragma once

#include "data/source.h"

namespace dgl {

/// The largest centred square of an image.
SourceImage centre_crop(const SourceImage& image);

/// Zeros around an image, evenly, up to size x size.
SourceImage pad_to(const SourceImage& image, int64_t size);

/// Antialiased Lanczos (a = 3) to size x size: the kernel widens with the reduction, as Pillow's LANCZOS does, whose
/// filter this is; horizontally, then vertically, in float, rounded once.
SourceImage resize_lanczos(const SourceImage& image, int64_t size);

/// Grey (ITU-R 601 luma: 0.299 R + 0.587 G + 0.114 B) or RGB (three times the same).
SourceImage with_channels(const SourceImage& image, int64_t channels);

}  // namespace dgl
