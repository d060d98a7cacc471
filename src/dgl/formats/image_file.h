#pragma once

#include <cstdint>
#include <string>

#include "dgl/data/source.h"

namespace dgl {

/// Limits of images that are read. A hostile header cannot request more than 128 Mi pixels.
constexpr int64_t kMaxImageSide = 32768, kMaxImageArea = int64_t{1} << 27;

/// An image file in memory. Messages contain `name`.
struct EncodedImage {
  const uint8_t* data;
  uint64_t size;
  std::string name;
};

/// Returns whether a file that begins like this is an image that decode_image() knows.
bool begins_as_image(const uint8_t* data, uint64_t size);

/// Decodes an image and turns it upright, as its EXIF orientation says. Its content determines the format. With
/// `header_only`, returns the size without pixels.
///
/// PNG: 8-bit channels are kept and 16-bit channels are rounded to 8 bits. Palettes (which count as color) and smaller
/// depths are expanded. JPEG: gray, YCbCr or RGB; CMYK and YCCK become RGB as Pillow's do. WebP and GIF: the first
/// picture of an animation. TIFF: the first page, in all ways that libtiff makes RGB of. BMP: not compressed. In BMP
/// and GIF, a palette of grays is gray. Transparency is composited on white. Gamma and color profiles are not applied,
/// as in the field's usual tools. Throws Error for anything else: truncated or corrupt data, or an image beyond the
/// limits.
SourceImage decode_image(const EncodedImage& encoded, bool header_only = false);

/// The same for one format. The image is returned as the file keeps it, with its orientation.
SourceImage decode_png(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_jpeg(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_webp(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_tiff(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_bmp(const EncodedImage& encoded, bool header_only = false);
SourceImage decode_gif(const EncodedImage& encoded, bool header_only = false);

/// A channel of a color with this alpha on white.
constexpr uint8_t over_white(int color, int alpha) {
  return static_cast<uint8_t>((color * alpha + 255 * (255 - alpha) + 127) / 255);
}

/// Throws Error, naming `name`, if the sides exceed the limits.
void check_image_sides(uint64_t width, uint64_t height, const std::string& name);

}  // namespace dgl
