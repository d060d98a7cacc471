#include <cstdint>
#include <cstdio>
// jpeglib.h needs the FILE of <cstdio>.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/exif.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

constexpr int kMaxScans = 500;  // a progressive file may have any number, and each costs a pass over the image

/// Holds everything that libjpeg's calls use, so that a longjmp skips no destructor.
struct JpegReader {
  jpeg_decompress_struct decoder{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  jmp_buf target{};
  char message[JMSG_LENGTH_MAX] = "";
  ~JpegReader() { jpeg_destroy_decompress(&decoder); }
};

JpegReader& reader_of(j_common_ptr common) { return *static_cast<JpegReader*>(common->client_data); }

void on_error(j_common_ptr common) {
  JpegReader& reader = reader_of(common);
  common->err->format_message(common, reader.message);
  std::longjmp(reader.target, 1);
}

/// Treats missing data as an error, since libjpeg only warns and fills it with gray. Other warnings are harmless.
void on_message(j_common_ptr common, int level) {
  const int code = common->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) on_error(common);
}

void on_progress(j_common_ptr common) {
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(common);
  if (decoder->input_scan_number <= kMaxScans) return;
  JpegReader& reader = reader_of(common);
  std::snprintf(reader.message, sizeof(reader.message), "more than %d scans", kMaxScans);
  std::longjmp(reader.target, 1);
}

/// Reads the header. Returns false if libjpeg failed.
bool start(JpegReader& reader, const EncodedImage& encoded) {
  reader.decoder.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.decoder.client_data = &reader;
  if (setjmp(reader.target)) return false;
  jpeg_create_decompress(&reader.decoder);
  reader.progress.progress_monitor = on_progress;
  reader.decoder.progress = &reader.progress;
  reader.decoder.mem->max_memory_to_use = 1L << 30;
  jpeg_save_markers(&reader.decoder, JPEG_APP0 + 1, 0xffff);  // EXIF's
  jpeg_mem_src(&reader.decoder, encoded.data, encoded.size);
  jpeg_read_header(&reader.decoder, TRUE);
  return true;
}

/// Decodes all rows, `row_bytes` each. Returns false if libjpeg failed.
bool read_pixels(JpegReader& reader, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(reader.target)) return false;
  jpeg_start_decompress(&reader.decoder);
  while (reader.decoder.output_scanline < reader.decoder.output_height) {
    JSAMPROW row = pixels + reader.decoder.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.decoder, &row, 1);
  }
  jpeg_finish_decompress(&reader.decoder);
  return true;
}

/// The orientation in the first EXIF block of those that were saved.
int jpeg_orientation(const jpeg_decompress_struct& decoder) {
  for (auto* marker = decoder.marker_list; marker; marker = marker->next) {
    if (marker->data_length >= 6 && std::memcmp(marker->data, "Exif\0\0", 6) == 0) {
      return exif_orientation(marker->data, marker->data_length);
    }
  }
  return 1;
}

/// Makes RGB of CMYK as Pillow does: values are taken for inverted, as Adobe stores them, and no profile is asked.
std::vector<uint8_t> rgb_of_cmyk(const std::vector<uint8_t>& cmyk) {
  const auto product = [](int a, int b) {
    const int scaled = a * b + 128;
    return ((scaled >> 8) + scaled) >> 8;
  };
  std::vector<uint8_t> rgb(cmyk.size() / 4 * 3);
  for (size_t i = 0; i < cmyk.size() / 4; ++i) {
    const int light = cmyk[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<uint8_t>(std::max(0, light - product(255 - cmyk[4 * i + c], light)));
    }
  }
  return rgb;
}

}  // namespace

SourceImage decode_jpeg(const EncodedImage& encoded, bool header_only) {
  JpegReader reader;
  if (!start(reader, encoded)) fail_file("{}: JPEG: {}", encoded.name, reader.message);
  jpeg_decompress_struct& decoder = reader.decoder;
  check_image_sides(decoder.image_width, decoder.image_height, encoded.name);
  const bool gray = decoder.jpeg_color_space == JCS_GRAYSCALE;
  const bool cmyk = decoder.jpeg_color_space == JCS_CMYK || decoder.jpeg_color_space == JCS_YCCK;
  if (!gray && !cmyk && decoder.jpeg_color_space != JCS_YCbCr && decoder.jpeg_color_space != JCS_RGB) {
    fail_file("{}: JPEG: an unknown color space: expected gray, RGB or CMYK", encoded.name);
  }
  SourceImage image{decoder.image_height, decoder.image_width, gray ? 1 : 3, {}, 0, jpeg_orientation(decoder)};
  if (header_only) return image;
  decoder.out_color_space = gray ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
  const size_t row_bytes = static_cast<size_t>(image.width * (cmyk ? 4 : image.channels));
  image.pixels.resize(row_bytes * static_cast<size_t>(image.height));
  if (!read_pixels(reader, image.pixels.data(), row_bytes)) fail_file("{}: JPEG: {}", encoded.name, reader.message);
  if (cmyk) image.pixels = rgb_of_cmyk(image.pixels);
  return image;
}

}  // namespace dgl
