#include "dgl/formats/image_file.h"

#include <cstring>
#include <string_view>

#include "dgl/base/error.h"
#include "dgl/formats/exif.h"

namespace dgl {

namespace {

using Decoder = SourceImage (*)(const EncodedImage&, bool);

/// The decoder of a file that begins like this; null for one that is no image.
Decoder find_decoder(const uint8_t* data, uint64_t size) {
  using namespace std::string_view_literals;
  const auto has = [&](uint64_t at, std::string_view magic) {
    return size >= at + magic.size() && std::memcmp(data + at, magic.data(), magic.size()) == 0;
  };
  if (has(0, "\x89PNG\r\n\x1a\n")) return decode_png;
  if (has(0, "\xff\xd8\xff")) return decode_jpeg;
  if (has(0, "RIFF") && has(8, "WEBP")) return decode_webp;
  for (const auto& begin : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (has(0, begin)) return decode_tiff;
  }
  if (has(0, "GIF87a") || has(0, "GIF89a")) return decode_gif;
  // Two letters are little: the size of the header behind them has to be one of those that there are.
  for (const char* header : {"\x0c", "\x28", "\x34", "\x38", "\x40", "\x6c", "\x7c"}) {
    if (has(0, "BM") && has(14, header) && has(15, "\0\0\0"sv)) return decode_bmp;
  }
  return nullptr;
}

}  // namespace

bool begins_as_image(const uint8_t* data, uint64_t size) { return find_decoder(data, size) != nullptr; }

SourceImage decode_image(const EncodedImage& encoded, bool header_only) {
  const Decoder decode = find_decoder(encoded.data, encoded.size);
  if (!decode) fail_file("{}: expected a PNG, JPEG, WebP, TIFF, BMP or GIF image", encoded.name);
  return upright(decode(encoded, header_only));
}

void check_image_sides(uint64_t width, uint64_t height, const std::string& name) {
  const auto side = static_cast<uint64_t>(kMaxImageSide), area = static_cast<uint64_t>(kMaxImageArea);
  if (width < 1 || height < 1 || width > side || height > side || width * height > area) {
    fail_file("{}: {} x {} pixels: expected sides of 1 to {} and at most {} pixels", name, width, height, kMaxImageSide,
              kMaxImageArea);
  }
}

}  // namespace dgl
