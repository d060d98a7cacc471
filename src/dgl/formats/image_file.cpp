#include "dgl/formats/image_file.h"

#include <cstring>

#include "dgl/base/error.h"

namespace dgl {

SourceImage decode_image(const EncodedImage& encoded, bool header_only) {
  const auto starts = [&](const char* magic, size_t size) {
    return encoded.size >= size && std::memcmp(encoded.data, magic, size) == 0;
  };
  if (starts("\x89PNG\r\n\x1a\n", 8)) return decode_png(encoded, header_only);
  if (starts("\xff\xd8\xff", 3)) return decode_jpeg(encoded, header_only);
  fail_file("{}: expected a PNG or JPEG image", encoded.name);
}

void check_image_sides(uint64_t width, uint64_t height, const std::string& name) {
  const auto side = static_cast<uint64_t>(kMaxImageSide), area = static_cast<uint64_t>(kMaxImageArea);
  if (width < 1 || height < 1 || width > side || height > side || width * height > area) {
    fail_file("{}: {} x {} pixels: expected sides of 1 to {} and at most {} pixels", name, width, height, kMaxImageSide,
              kMaxImageArea);
  }
}

}  // namespace dgl
