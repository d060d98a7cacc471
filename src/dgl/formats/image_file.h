#pragma once

#include <cstdint>
#include <string>

#include "dgl/data/source.h"

namespace dgl {

/// Bounds for images that are read: a hostile header asks for no more than 128 Mi pixels.
constexpr int64_t kMaxImageSide = 32768, kMaxImageArea = int64_t{1} << 27;

/// A PNG or JPEG file in memory; `name` is for messages.
struct EncodedImage {
  const uint8_t* data;
  uint64_t size;
  std::string name;
};

/// The decoded image, whose format is told by its content; with `header_only`, its sizes without pixels.
///
/// PNG: 8 bits a channel stay as they are stored, 16 are rounded to 8, palettes (which count as color) and fewer bits
/// are expanded, transparency is composited on white. JPEG: gray, YCbCr or RGB. Gamma, color profiles and the EXIF
/// orientation are not applied, as the field's usual tools do not. Error for anything else: CMYK, data that are cut off
/// or corrupt, more pixels than the bounds.
SourceImage decode_image(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_png(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_jpeg(const EncodedImage& encoded, bool header_only = false);

/// Error naming `name` for sides beyond the bounds.
void check_image_sides(uint64_t width, uint64_t height, const std::string& name);

}  // namespace dgl
