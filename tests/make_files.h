#pragma once

#include <cstdio>
// jpeglib.h needs the FILE of <cstdio>.
#include <jpeglib.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace dgl::test {

inline std::string big_endian_32(uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

inline std::string png_chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto check = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian_32(static_cast<uint32_t>(data.size())) + body + big_endian_32(static_cast<uint32_t>(check));
}

/// In zlib's format, as PNG keeps it.
inline std::string deflated(const std::string& text) {
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  packed.resize(size);
  return packed;
}

/// A PNG from its raw rows (`row_bytes` each, without the filter byte); color types as in the specification: 0 gray,
/// 2 RGB, 3 palette, 4 gray + alpha, 6 RGBA. `extra`: chunks that stand before the pixels.
inline std::string make_png(uint32_t width, uint32_t height, int depth, int type, const std::string& pixels,
                            const std::string& extra = "") {
  const size_t row_bytes = height ? pixels.size() / height : 0;
  std::string rows;
  for (uint32_t y = 0; y < height; ++y) rows += '\0' + pixels.substr(y * row_bytes, row_bytes);
  std::string header = big_endian_32(width) + big_endian_32(height);
  header += {static_cast<char>(depth), static_cast<char>(type), 0, 0, 0};
  return std::string("\x89PNG\r\n\x1a\n", 8) + png_chunk("IHDR", header) + extra + png_chunk("IDAT", deflated(rows)) +
         png_chunk("IEND", "");
}

/// An 8-bit PNG of one color (1, 2, 3 or 4 channels).
inline std::string plain_png(uint32_t width, uint32_t height, const std::string& color) {
  std::string pixels;
  for (uint32_t i = 0; i < width * height; ++i) pixels += color;
  const int types[] = {0, 0, 4, 2, 6};
  return make_png(width, height, 8, types[color.size()], pixels);
}

/// A JPEG of quality 100 of one color, with as many channels: 1, 3 (from RGB) or 4 (CMYK, kept as YCCK if asked).
inline std::string plain_jpeg(uint32_t width, uint32_t height, const std::string& color, bool ycck = false) {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &data, &size);
  encoder.image_width = width;
  encoder.image_height = height;
  encoder.input_components = static_cast<int>(color.size());
  encoder.in_color_space = color.size() == 1 ? JCS_GRAYSCALE : color.size() == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&encoder);
  if (ycck) jpeg_set_colorspace(&encoder, JCS_YCCK);
  jpeg_set_quality(&encoder, 100, TRUE);
  jpeg_start_compress(&encoder, TRUE);
  std::string row;
  for (uint32_t x = 0; x < width; ++x) row += color;
  while (encoder.next_scanline < height) {
    auto* at = reinterpret_cast<JSAMPROW>(row.data());
    jpeg_write_scanlines(&encoder, &at, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  std::string text(reinterpret_cast<char*>(data), size);
  std::free(data);
  return text;
}

/// `content` as gzip.
inline std::string gzip(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, content.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// One file of a tar archive, without the archive's end.
inline std::string tar_entry(const std::string& name, const std::string& content) {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  char size[12];
  std::snprintf(size, sizeof(size), "%011o", static_cast<unsigned>(content.size()));
  header.replace(124, 11, size, 11);
  header[156] = '0';
  return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

}  // namespace dgl::test
