#include <cstdint>
#include <cstdio>
// jpeglib.h needs the FILE of <cstdio>.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>

#include "dgl/base/error.h"
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

}  // namespace

SourceImage decode_jpeg(const EncodedImage& encoded, bool header_only) {
  JpegReader reader;
  if (!start(reader, encoded)) fail_file("{}: JPEG: {}", encoded.name, reader.message);
  jpeg_decompress_struct& decoder = reader.decoder;
  check_image_sides(decoder.image_width, decoder.image_height, encoded.name);
  const bool gray = decoder.jpeg_color_space == JCS_GRAYSCALE;
  if (decoder.jpeg_color_space == JCS_CMYK || decoder.jpeg_color_space == JCS_YCCK) {
    fail_file("{}: a CMYK JPEG: expected gray or RGB; convert it first", encoded.name);
  }
  if (!gray && decoder.jpeg_color_space != JCS_YCbCr && decoder.jpeg_color_space != JCS_RGB) {
    fail_file("{}: JPEG: an unknown color space: expected gray or RGB", encoded.name);
  }
  SourceImage image{decoder.image_height, decoder.image_width, gray ? 1 : 3, {}, 0};
  if (header_only) return image;
  decoder.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  const size_t row_bytes = static_cast<size_t>(image.width * image.channels);
  image.pixels.resize(row_bytes * static_cast<size_t>(image.height));
  if (!read_pixels(reader, image.pixels.data(), row_bytes)) fail_file("{}: JPEG: {}", encoded.name, reader.message);
  return image;
}

}  // namespace dgl
