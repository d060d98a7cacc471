#include "dgl/formats/exif.h"

#include <cstring>
#include <utility>

namespace dgl {

namespace {

constexpr uint16_t kOrientationTag = 0x0112, kShortType = 3;
constexpr int kLastOrientation = 8, kFirstTransposed = 5;

}  // namespace

int exif_orientation(const uint8_t* data, uint64_t size) {
  constexpr uint64_t kPrefix = 6, kHeader = 8, kEntry = 12;
  if (size >= kPrefix && std::memcmp(data, "Exif\0\0", kPrefix) == 0) {
    data += kPrefix;
    size -= kPrefix;
  }
  if (size < kHeader) return 1;
  const bool little = std::memcmp(data, "II*\0", 4) == 0;
  if (!little && std::memcmp(data, "MM\0*", 4) != 0) return 1;
  const auto number = [&](uint64_t at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= uint64_t{data[at + i]} << 8 * (little ? i : bytes - 1 - i);
    return value;
  };
  const uint64_t table = number(4, 4);
  if (table > size - 2) return 1;
  const uint64_t count = number(table, 2);
  for (uint64_t i = 0, at = table + 2; i < count && at + kEntry <= size; ++i, at += kEntry) {
    if (number(at, 2) != kOrientationTag || number(at + 2, 2) != kShortType) continue;
    const auto value = static_cast<int>(number(at + 8, 2));
    return value >= 1 && value <= kLastOrientation ? value : 1;
  }
  return 1;
}

SourceImage upright(SourceImage image) {
  const int orientation = image.orientation;
  if (orientation <= 1 || orientation > kLastOrientation) return image;
  SourceImage out = image;
  const bool transposed = orientation >= kFirstTransposed;
  if (transposed) std::swap(out.height, out.width);
  // Of the upright image's rows and columns: whether they run against those that they are taken from.
  const bool rows_back = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool columns_back = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const auto channels = static_cast<size_t>(image.channels);
  for (int64_t y = 0; !image.pixels.empty() && y < out.height; ++y) {
    const int64_t v = rows_back ? out.height - 1 - y : y;
    for (int64_t x = 0; x < out.width; ++x) {
      const int64_t u = columns_back ? out.width - 1 - x : x;
      const int64_t from = transposed ? u * image.width + v : v * image.width + u;
      std::memcpy(out.pixels.data() + static_cast<size_t>(y * out.width + x) * channels,
                  image.pixels.data() + static_cast<size_t>(from) * channels, channels);
    }
  }
  return out;
}

}  // namespace dgl
