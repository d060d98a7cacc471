#define TIFF_DISABLE_DEPRECATED
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

constexpr tmsize_t kMaxTiffMemory = tmsize_t{1} << 29;  // that one allocation of libtiff's may take

/// A TIFF file in memory, and what libtiff said first of what is wrong with it.
struct TiffReader {
  const EncodedImage& encoded;
  uint64_t at = 0;
  char message[200] = "";
  TIFF* tiff = nullptr;

  explicit TiffReader(const EncodedImage& image) : encoded(image) {
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                               TIFFOpenOptionsFree);
    if (!options) fail_file("{}: TIFF: out of memory", encoded.name);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxTiffMemory);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, this);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, this);
    // "m": the file is not mapped by libtiff, which would check less.
    tiff = TIFFClientOpenExt("image", "rm", this, read, write, seek, close, length, nullptr, nullptr, options.get());
    if (!tiff) fail_here();
  }
  TiffReader(const TiffReader&) = delete;
  TiffReader& operator=(const TiffReader&) = delete;
  ~TiffReader() {
    if (tiff) TIFFClose(tiff);
  }

  [[noreturn]] void fail_here() const { fail_file("{}: TIFF: {}", encoded.name, *message ? message : "damaged"); }

  static int on_error(TIFF*, void* self, const char*, const char* format, va_list values) {
    char* message = static_cast<TiffReader*>(self)->message;
    if (!*message) std::vsnprintf(message, sizeof(TiffReader::message), format, values);
    for (char* c = message; *c; ++c) *c = *c < ' ' ? ' ' : *c;
    return 1;
  }
  static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

  static tmsize_t read(thandle_t self, void* to, tmsize_t size) {
    auto& reader = *static_cast<TiffReader*>(self);
    if (reader.at > reader.encoded.size || size < 0) return 0;
    const uint64_t take = std::min(static_cast<uint64_t>(size), reader.encoded.size - reader.at);
    std::memcpy(to, reader.encoded.data + reader.at, take);
    reader.at += take;
    return static_cast<tmsize_t>(take);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t self, toff_t offset, int from) {
    auto& reader = *static_cast<TiffReader*>(self);
    const uint64_t base = from == SEEK_SET ? 0 : from == SEEK_CUR ? reader.at : reader.encoded.size;
    return reader.at = base + offset;
  }
  static int close(thandle_t) { return 0; }
  static toff_t length(thandle_t self) { return static_cast<TiffReader*>(self)->encoded.size; }
};

/// Reads gray pixels of 16 bits, rounded to 8 as those of a PNG file are; libtiff would cut them off. False for others.
bool read_gray16(const TiffReader& reader, uint32_t width, uint32_t height, bool inverted,
                 std::vector<uint8_t>& pixels) {
  uint16_t bits = 1, samples = 1;
  TIFFGetFieldDefaulted(reader.tiff, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(reader.tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
  if (bits != 16 || samples != 1 || TIFFIsTiled(reader.tiff)) return false;
  std::vector<uint16_t> row(width);
  if (TIFFScanlineSize64(reader.tiff) != row.size() * sizeof(uint16_t)) return false;
  pixels.clear();
  pixels.reserve(size_t{width} * height);
  for (uint32_t y = 0; y < height; ++y) {
    if (TIFFReadScanline(reader.tiff, row.data(), y) != 1) reader.fail_here();
    for (const uint16_t value : row) {
      const auto level = static_cast<uint8_t>((value + 128U) / 257);
      pixels.push_back(inverted ? 255 - level : level);
    }
  }
  return true;
}

}  // namespace

SourceImage decode_tiff(const EncodedImage& encoded, bool header_only) {
  TiffReader reader(encoded);
  uint32_t width = 0, height = 0;
  uint16_t photometric = PHOTOMETRIC_RGB, orientation = ORIENTATION_TOPLEFT;
  if (!TIFFGetField(reader.tiff, TIFFTAG_IMAGEWIDTH, &width) ||
      !TIFFGetField(reader.tiff, TIFFTAG_IMAGELENGTH, &height)) {
    reader.fail_here();
  }
  check_image_sides(width, height, encoded.name);
  TIFFGetField(reader.tiff, TIFFTAG_PHOTOMETRIC, &photometric);
  TIFFGetFieldDefaulted(reader.tiff, TIFFTAG_ORIENTATION, &orientation);
  if (char why[1024] = ""; !TIFFRGBAImageOK(reader.tiff, why)) {
    fail_file("{}: TIFF: {}", encoded.name, first_line(why));
  }
  const bool gray = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
  SourceImage image{height, width, gray ? 1 : 3, {}, 0, orientation};
  if (header_only) return image;
  const auto area = static_cast<size_t>(width) * height, channels = static_cast<size_t>(image.channels);
  if (gray && read_gray16(reader, width, height, photometric == PHOTOMETRIC_MINISWHITE, image.pixels)) return image;
  std::vector<uint32_t> raster(area);
  // Rows as the file has them: what turns images is one function for all formats.
  if (!TIFFReadRGBAImageOriented(reader.tiff, width, height, raster.data(), orientation, /*stopOnError=*/1)) {
    reader.fail_here();
  }
  image.pixels.resize(area * channels);
  for (size_t i = 0; i < area; ++i) {
    // Libtiff gives colors that are multiplied by the alpha.
    const uint32_t color[] = {TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i])};
    const uint32_t white = 255 - TIFFGetA(raster[i]);
    for (size_t c = 0; c < channels; ++c) {
      image.pixels[channels * i + c] = static_cast<uint8_t>(std::min<uint32_t>(255, color[c] + white));
    }
  }
  return image;
}

}  // namespace dgl
