#include <png.h>

#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/exif.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

/// Holds everything that libpng's calls use, so that a longjmp skips no destructor.
struct PngReader {
  const EncodedImage* encoded = nullptr;
  png_structp png = nullptr;
  png_infop info = nullptr;
  uint64_t at = 0;
  int passes = 1;
  char message[200] = "";
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof(reader->message) - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, size_t size) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (size > reader->encoded->size - reader->at) png_error(png, "the file ends too early; perhaps it was cut off");
  std::memcpy(to, reader->encoded->data + reader->at, size);
  reader->at += size;
}

/// Reads the header and sets the transformations. Returns false if libpng failed.
bool start(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_read_fn(reader.png, &reader, on_read);
  png_set_user_limits(reader.png, kMaxImageSide, kMaxImageSide);
  png_set_chunk_malloc_max(reader.png, 64 << 20);
  // Skips texts and profiles, which may have any content.
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);  // expands palettes, depths below 8 bits, and tRNS to alpha
  png_set_scale_16(reader.png);
  reader.passes = png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

/// Decodes `height` rows of `row_bytes` each into `pixels`, to the end of the file. Returns false if libpng failed.
bool read_pixels(PngReader& reader, uint8_t* pixels, uint32_t height, size_t row_bytes) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  for (int pass = 0; pass < reader.passes; ++pass) {
    for (uint32_t y = 0; y < height; ++y) png_read_row(reader.png, pixels + y * row_bytes, nullptr);
  }
  png_read_end(reader.png, nullptr);
  return true;
}

/// Composites pixels [n, channels + 1], alpha last, on white. Returns pixels [n, channels].
std::vector<uint8_t> without_alpha(const std::vector<uint8_t>& pixels, size_t channels) {
  std::vector<uint8_t> out(pixels.size() / (channels + 1) * channels);
  const uint8_t* from = pixels.data();
  for (size_t i = 0; i < out.size(); from += channels + 1) {
    const int alpha = from[channels];
    for (size_t c = 0; c < channels; ++c) out[i++] = over_white(from[c], alpha);
  }
  return out;
}

/// The orientation in the chunk eXIf, if there is one before the pixels.
int png_orientation(const EncodedImage& encoded) {
  constexpr uint64_t kSignature = 8, kHead = 8, kCheck = 4;
  for (uint64_t at = kSignature; at + kHead <= encoded.size;) {
    const uint8_t* chunk = encoded.data + at;
    const uint64_t size = uint64_t{chunk[0]} << 24 | chunk[1] << 16 | chunk[2] << 8 | chunk[3];
    if (size > encoded.size - at - kHead || std::memcmp(chunk + 4, "IDAT", 4) == 0) return 1;
    if (std::memcmp(chunk + 4, "eXIf", 4) == 0) return exif_orientation(chunk + kHead, size);
    at += kHead + size + kCheck;
  }
  return 1;
}

}  // namespace

SourceImage decode_png(const EncodedImage& encoded, bool header_only) {
  PngReader reader;
  reader.encoded = &encoded;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png) reader.info = png_create_info_struct(reader.png);
  if (!reader.info) fail_file("{}: PNG: out of memory", encoded.name);
  if (!start(reader)) fail_file("{}: PNG: {}", encoded.name, reader.message);
  const uint32_t width = png_get_image_width(reader.png, reader.info);
  const uint32_t height = png_get_image_height(reader.png, reader.info);
  check_image_sides(width, height, encoded.name);
  const int type = png_get_color_type(reader.png, reader.info);
  const bool alpha = (type & PNG_COLOR_MASK_ALPHA) != 0;
  const int64_t channels = (type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
  SourceImage image{height, width, channels, {}, 0, png_orientation(encoded)};
  if (header_only) return image;
  const size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  if (row_bytes != static_cast<size_t>(width) * static_cast<size_t>(channels + alpha)) {
    fail_file("{}: PNG: rows of an unexpected length", encoded.name);
  }
  std::vector<uint8_t> pixels(row_bytes * height);
  if (!read_pixels(reader, pixels.data(), height, row_bytes)) fail_file("{}: PNG: {}", encoded.name, reader.message);
  image.pixels = alpha ? without_alpha(pixels, static_cast<size_t>(channels)) : std::move(pixels);
  return image;
}

}  // namespace dgl
