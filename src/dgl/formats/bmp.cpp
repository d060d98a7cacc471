#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/bytes.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

enum BmpCompression : uint32_t { bmp_plain = 0, bmp_runs8 = 1, bmp_runs4 = 2, bmp_fields = 3, bmp_alpha_fields = 6 };
constexpr uint64_t kBmpFileHeader = 14, kBmpCoreHeader = 12, kBmpInfoHeader = 40;

/// A color's bits in a pixel.
struct BmpField {
  uint32_t mask = 0;

  /// The field's value in a pixel, brought to 0 … 255. `none` without a field.
  uint8_t of(uint32_t pixel, uint8_t none) const {
    if (mask == 0) return none;
    const uint32_t most = mask >> std::countr_zero(mask);
    const uint32_t value = (pixel & mask) >> std::countr_zero(mask);
    return static_cast<uint8_t>((uint64_t{value} * 255 + most / 2) / most);
  }
};

/// What the headers of a BMP file say.
struct BmpHeader {
  int64_t width = 0, height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  bool runs = false;    ///< the indices of the palette are compressed as runs
  uint64_t pixels = 0;  ///< offset in the file
  BmpField red, green, blue, alpha;
  std::vector<uint8_t> palette;  ///< RGB, RGB …
  bool gray = false;             ///< all colors of the palette are gray
};

BmpHeader read_bmp_header(const EncodedImage& encoded) {
  ByteReader in(encoded.data, encoded.size, encoded.name + ": BMP");
  BmpHeader header;
  in.take(10);
  header.pixels = in.number<uint32_t>();
  const auto size = in.number<uint32_t>();
  const bool core = size == kBmpCoreHeader;
  if (!core && size < kBmpInfoHeader) fail_file("{}: BMP: a header of {} bytes", encoded.name, size);
  const int64_t width = core ? in.number<uint16_t>() : in.number<int32_t>();
  const int64_t height = core ? in.number<uint16_t>() : in.number<int32_t>();
  header.top_down = height < 0;
  check_image_sides(static_cast<uint64_t>(width), static_cast<uint64_t>(std::abs(height)), encoded.name);
  header.width = width;
  header.height = std::abs(height);
  in.number<uint16_t>();
  header.bits = in.number<uint16_t>();
  uint32_t compression = bmp_plain, used = 0;
  if (!core) {
    compression = in.number<uint32_t>();
    in.take(12);
    used = in.number<uint32_t>();
    in.take(4);
  }
  const bool fields = compression == bmp_fields || compression == bmp_alpha_fields;
  header.runs = compression == bmp_runs8 || compression == bmp_runs4;
  if (compression != bmp_plain && !fields && !header.runs) {
    fail_file("{}: BMP: compression {}: expected pixels that are not compressed, or runs of them", encoded.name,
              compression);
  }
  if (header.runs && (header.top_down || header.bits != (compression == bmp_runs8 ? 8U : 4U))) {
    fail_file("{}: BMP: runs of {} bits a pixel in a way that is not known", encoded.name, header.bits);
  }
  const bool indexed = header.bits == 1 || header.bits == 4 || header.bits == 8;
  const bool direct = header.bits == 16 || header.bits == 24 || header.bits == 32;
  if ((!indexed && !direct) || (fields && (indexed || header.bits == 24))) {
    fail_file("{}: BMP: {} bits a pixel in a way that is not known", encoded.name, header.bits);
  }
  if (fields) {
    header.red.mask = in.number<uint32_t>();
    header.green.mask = in.number<uint32_t>();
    header.blue.mask = in.number<uint32_t>();
    if (compression == bmp_alpha_fields || size >= kBmpInfoHeader + 16) header.alpha.mask = in.number<uint32_t>();
  } else if (header.bits == 16) {
    header.red.mask = 0x7c00;
    header.green.mask = 0x3e0;
    header.blue.mask = 0x1f;
  } else if (direct) {
    header.red.mask = 0xff0000;
    header.green.mask = 0xff00;
    header.blue.mask = 0xff;
  }
  if (!indexed) return header;
  const uint32_t most = 1U << header.bits, count = used == 0 ? most : std::min(used, most);
  ByteReader palette(encoded.data, encoded.size, encoded.name + ": BMP");
  palette.take(kBmpFileHeader + uint64_t{size});
  header.gray = true;
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t* color = palette.take(core ? 3 : 4);  // blue, green, red
    header.gray = header.gray && color[0] == color[1] && color[1] == color[2];
    header.palette.insert(header.palette.end(), {color[2], color[1], color[0]});
  }
  header.palette.resize(size_t{3} * most);  // indices past the palette are black
  return header;
}

/// The indices of compressed rows, an index a byte, from the last row on. Pixels that no run covers are 0.
std::vector<uint8_t> read_bmp_runs(const EncodedImage& encoded, const BmpHeader& header) {
  ByteReader in(encoded.data, encoded.size, encoded.name + ": BMP");
  in.take(header.pixels);
  std::vector<uint8_t> indices(static_cast<size_t>(header.width * header.height));
  int64_t x = 0, y = 0;
  const auto put = [&](uint8_t index) {
    if (x >= header.width || y >= header.height) fail_file("{}: BMP: a run passes the end of its row", encoded.name);
    indices[static_cast<size_t>(y * header.width + x++)] = index;
  };
  // The i-th of the indices that a byte, or a row of bytes, holds.
  const auto index_in = [&](const uint8_t* bytes, uint32_t i) -> uint8_t {
    if (header.bits == 8) return bytes[i];
    return i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15;
  };
  while (true) {
    const auto count = in.number<uint8_t>(), value = in.number<uint8_t>();
    if (count > 0) {
      for (uint32_t i = 0; i < count; ++i) put(header.bits == 8 ? value : index_in(&value, i % 2));
    } else if (value == 0) {  // the end of a row
      x = 0;
      ++y;
    } else if (value == 1) {  // the end of the image
      return indices;
    } else if (value == 2) {  // a step
      x += in.number<uint8_t>();
      y += in.number<uint8_t>();
    } else {  // as many indices, filled up to 16 bits
      const uint64_t bytes = (uint64_t{value} * header.bits + 7) / 8;
      const uint8_t* from = in.take(bytes + bytes % 2);
      for (uint32_t i = 0; i < value; ++i) put(index_in(from, i));
    }
    if (y > header.height) fail_file("{}: BMP: more rows than {}", encoded.name, header.height);
  }
}

}  // namespace

SourceImage decode_bmp(const EncodedImage& encoded, bool header_only) {
  const BmpHeader header = read_bmp_header(encoded);
  SourceImage image{header.height, header.width, header.gray ? 1 : 3, {}, 0};
  if (header_only) return image;
  const auto channels = static_cast<size_t>(image.channels);
  if (header.runs) {
    const std::vector<uint8_t> indices = read_bmp_runs(encoded, header);
    image.pixels.resize(indices.size() * channels);
    const auto width = static_cast<size_t>(header.width);
    for (size_t i = 0; i < indices.size(); ++i) {
      const size_t from = (static_cast<size_t>(header.height) - 1 - i / width) * width + i % width;
      std::copy_n(header.palette.data() + size_t{3} * indices[from], channels, image.pixels.data() + i * channels);
    }
    return image;
  }
  const uint64_t row_bytes = (static_cast<uint64_t>(header.width) * header.bits + 31) / 32 * 4;
  if (header.pixels > encoded.size || row_bytes * static_cast<uint64_t>(header.height) > encoded.size - header.pixels) {
    fail_file("{}: BMP: the file ends too early; perhaps it was cut off", encoded.name);
  }
  image.pixels.resize(static_cast<size_t>(image.height * image.width) * channels);
  for (int64_t y = 0; y < image.height; ++y) {
    const int64_t stored = header.top_down ? y : image.height - 1 - y;
    const uint8_t* row = encoded.data + header.pixels + row_bytes * static_cast<uint64_t>(stored);
    uint8_t* out = image.pixels.data() + static_cast<size_t>(y * image.width) * channels;
    for (int64_t x = 0; x < image.width; ++x, out += channels) {
      if (header.bits <= 8) {
        const int64_t bit = x * header.bits;
        const uint32_t shift = 8 - header.bits - static_cast<uint32_t>(bit % 8);
        const uint32_t index = row[bit / 8] >> shift & ((1U << header.bits) - 1);
        std::copy_n(header.palette.data() + size_t{3} * index, channels, out);
        continue;
      }
      const uint8_t* bytes = row + x * (header.bits / 8);
      uint32_t pixel = 0;
      for (uint32_t i = 0; i < header.bits / 8; ++i) pixel |= uint32_t{bytes[i]} << 8 * i;
      const uint8_t color[] = {header.red.of(pixel, 0), header.green.of(pixel, 0), header.blue.of(pixel, 0)};
      const uint8_t alpha = header.alpha.of(pixel, 255);
      for (size_t c = 0; c < 3; ++c) out[c] = over_white(color[c], alpha);
    }
  }
  return image;
}

}  // namespace dgl
