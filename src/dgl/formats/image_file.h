#pragma once

#include <cstdint>
#include <string>

#include "dgl/data/source.h"

namespace dgl {

/// Limits of images that are read. A hostile header cannot request more than 128 Mi pixels.
constexpr int64_t kMaxImageSide = 32768, kMaxImageArea = int64_t{1} << 27;

/// A PNG or JPEG file in memory. Messages contain `name`.
struct EncodedImage {
  const uint8_t* data;
  uint64_t size;
  std::string name;
};

/// Decodes an image. Its content determines the format. With `header_only`, returns the size without pixels.
///
/// PNG: 8-bit channels are kept and 16-bit channels are rounded to 8 bits. Palettes (which count as color) and smaller
/// depths are expanded. Transparency is composited on white. JPEG: gray, YCbCr or RGB. Gamma, color profiles and the
/// EXIF orientation are not applied, as in the field's usual tools. Throws Error for anything else: CMYK, truncated or
/// corrupt data, or an image beyond the limits.
SourceImage decode_image(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_png(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_jpeg(const EncodedImage& encoded, bool header_only = false);

/// Throws Error, naming `name`, if the sides exceed the limits.
void check_image_sides(uint64_t width, uint64_t height, const std::string& name);

}  // namespace dgl
