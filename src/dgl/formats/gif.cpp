#include <gif_lib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

/// A GIF file in memory and how far giflib has read it.
struct GifReader {
  const EncodedImage& encoded;
  uint64_t at = 0;
  GifFileType* gif = nullptr;
  int transparent = NO_TRANSPARENT_COLOR;

  explicit GifReader(const EncodedImage& image) : encoded(image) {
    int code = 0;
    gif = DGifOpen(this, read, &code);
    if (!gif) fail_with(code);
  }
  GifReader(const GifReader&) = delete;
  GifReader& operator=(const GifReader&) = delete;
  ~GifReader() {
    if (gif) DGifCloseFile(gif, nullptr);
  }

  static int read(GifFileType* gif, GifByteType* to, int size) {
    auto& reader = *static_cast<GifReader*>(gif->UserData);
    const uint64_t take = std::min<uint64_t>(static_cast<uint64_t>(size), reader.encoded.size - reader.at);
    std::memcpy(to, reader.encoded.data + reader.at, take);
    reader.at += take;
    return static_cast<int>(take);
  }

  [[noreturn]] void fail_with(int code) const {
    const char* why = GifErrorString(code);
    fail_file("{}: GIF: {}", encoded.name, why ? why : "damaged");
  }
  void check(int status) const {
    if (status == GIF_ERROR) fail_with(gif->Error);
  }

  /// Goes to the first frame and reads its description.
  void find_frame() {
    for (;;) {
      GifRecordType record = UNDEFINED_RECORD_TYPE;
      check(DGifGetRecordType(gif, &record));
      if (record == IMAGE_DESC_RECORD_TYPE) return check(DGifGetImageDesc(gif));
      if (record != EXTENSION_RECORD_TYPE) fail_file("{}: GIF: has no image", encoded.name);
      int kind = 0;
      GifByteType* block = nullptr;
      check(DGifGetExtension(gif, &kind, &block));
      while (block) {
        GraphicsControlBlock control{};
        if (kind == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
          transparent = control.TransparentColor;
        }
        check(DGifGetExtensionNext(gif, &block));
      }
    }
  }
};

bool is_gray(const ColorMapObject& colors) {
  return std::all_of(colors.Colors, colors.Colors + colors.ColorCount,
                     [](const GifColorType& color) { return color.Red == color.Green && color.Green == color.Blue; });
}

/// The rows of an interlaced frame in the order that they are stored.
std::vector<int> interlaced_rows(int height) {
  std::vector<int> rows;
  for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}}) {
    for (int y = first; y < height; y += step) rows.push_back(y);
  }
  return rows;
}

}  // namespace

SourceImage decode_gif(const EncodedImage& encoded, bool header_only) {
  GifReader reader(encoded);
  const GifFileType& gif = *reader.gif;
  check_image_sides(static_cast<uint64_t>(gif.SWidth), static_cast<uint64_t>(gif.SHeight), encoded.name);
  reader.find_frame();
  const GifImageDesc& frame = gif.Image;
  check_image_sides(static_cast<uint64_t>(frame.Width), static_cast<uint64_t>(frame.Height), encoded.name);
  const ColorMapObject* colors = frame.ColorMap ? frame.ColorMap : gif.SColorMap;
  if (!colors) fail_file("{}: GIF: has no colors", encoded.name);
  const size_t channels = is_gray(*colors) ? 1 : 3;
  SourceImage image{gif.SHeight, gif.SWidth, static_cast<int64_t>(channels), {}, 0};
  if (header_only) return image;
  image.pixels.assign(static_cast<size_t>(image.height * image.width) * channels, 255);  // white where nothing is
  const std::vector<int> order = frame.Interlace ? interlaced_rows(frame.Height) : std::vector<int>();
  std::vector<GifPixelType> row(static_cast<size_t>(frame.Width));
  for (int i = 0; i < frame.Height; ++i) {
    reader.check(DGifGetLine(reader.gif, row.data(), frame.Width));
    const int64_t y = frame.Top + (frame.Interlace ? order[static_cast<size_t>(i)] : i);
    for (int x = 0; x < frame.Width && y < image.height && frame.Left + x < image.width; ++x) {
      const int index = row[static_cast<size_t>(x)];
      if (index == reader.transparent) continue;
      const GifColorType color = index < colors->ColorCount ? colors->Colors[index] : GifColorType{0, 0, 0};
      const uint8_t rgb[] = {color.Red, color.Green, color.Blue};
      std::copy_n(rgb, channels,
                  image.pixels.data() + static_cast<size_t>(y * image.width + frame.Left + x) * channels);
    }
  }
  return image;
}

}  // namespace dgl
