#pragma once

#include <cstdint>

#include "dgl/data/source.h"

namespace dgl {

/// Returns the orientation, 1 … 8, that an EXIF block says: a TIFF structure, perhaps behind "Exif\0\0". Returns 1
/// (upright) for a block that says none or is damaged.
int exif_orientation(const uint8_t* data, uint64_t size);

/// Turns and mirrors an image that is kept in EXIF orientation `image.orientation`, so that it is upright. Without
/// pixels, only exchanges its sides where they change. `image.orientation` stays as it is.
SourceImage upright(SourceImage image);

}  // namespace dgl
