#include "dgl/formats/gif_film.h"

#include <gif_lib.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/palette.h"

namespace dgl {

namespace {

constexpr int64_t kMostGifSide = 65535;

/// A file that giflib writes into memory.
class GifWriter {
 public:
  GifWriter() {
    int code = 0;
    gif_ = EGifOpen(&bytes_, write, &code);
    if (!gif_) fail_with(code);
    EGifSetGifVersion(gif_, true);  // GIF89a, which has animations
  }
  GifWriter(const GifWriter&) = delete;
  GifWriter& operator=(const GifWriter&) = delete;
  ~GifWriter() {
    if (gif_) EGifCloseFile(gif_, nullptr);
  }

  GifFileType* get() const { return gif_; }
  void check(int status) const {
    if (status == GIF_ERROR) fail_with(gif_->Error);
  }
  std::string finish() {
    int code = 0;
    GifFileType* gif = gif_;
    gif_ = nullptr;
    if (EGifCloseFile(gif, &code) == GIF_ERROR) fail_with(code);
    return std::move(bytes_);
  }

 private:
  static int write(GifFileType* gif, const GifByteType* from, int size) {
    static_cast<std::string*>(gif->UserData)->append(reinterpret_cast<const char*>(from), static_cast<size_t>(size));
    return size;
  }
  [[noreturn]] static void fail_with(int code) {
    const char* why = GifErrorString(code);
    fail("GIF: a film cannot be encoded: {}", why ? why : "unknown error");
  }

  std::string bytes_;
  GifFileType* gif_ = nullptr;
};

using ColorMap = std::unique_ptr<ColorMapObject, void (*)(ColorMapObject*)>;

/// A color map of the next power of two of colors, which the format asks for; the rest is black.
ColorMap make_color_map(const std::vector<PaletteColor>& palette) {
  int bits = 1;
  while ((size_t{1} << bits) < palette.size()) ++bits;
  ColorMap map(GifMakeMapObject(1 << bits, nullptr), GifFreeMapObject);
  if (!map) fail("GIF: out of memory");
  for (int i = 0; i < map->ColorCount; ++i) map->Colors[i] = {0, 0, 0};
  for (size_t i = 0; i < palette.size(); ++i) map->Colors[i] = {palette[i].red, palette[i].green, palette[i].blue};
  return map;
}

std::vector<PaletteColor> grays() {
  std::vector<PaletteColor> palette;
  for (int i = 0; i < 256; ++i) {
    const auto value = static_cast<uint8_t>(i);
    palette.push_back({value, value, value});
  }
  return palette;
}

void put_repetition(const GifWriter& writer) {
  writer.check(EGifPutExtensionLeader(writer.get(), APPLICATION_EXT_FUNC_CODE));
  writer.check(EGifPutExtensionBlock(writer.get(), 11, "NETSCAPE2.0"));
  writer.check(EGifPutExtensionBlock(writer.get(), 3, "\x01\x00\x00"));  // 0 times: without end
  writer.check(EGifPutExtensionTrailer(writer.get()));
}

void put_duration(const GifWriter& writer, int hundredths) {
  const GraphicsControlBlock control{DISPOSE_DO_NOT, false, hundredths, NO_TRANSPARENT_COLOR};
  GifByteType block[4];
  EGifGCBToExtension(&control, block);
  writer.check(EGifPutExtension(writer.get(), GRAPHICS_EXT_FUNC_CODE, sizeof(block), block));
}

}  // namespace

std::string encode_gif(const torch::Tensor& pictures, const GifOptions& options) {
  const bool fits = pictures.dim() == 4 && pictures.numel() > 0 && pictures.scalar_type() == torch::kUInt8 &&
                    (pictures.size(3) == 1 || pictures.size(3) == 3);
  if (!fits) {
    fail("GIF: expected pictures [N, H, W, C] of uint8 with C 1 or 3 and none of them 0, got [{}] of {}",
         fmt::join(pictures.sizes(), ", "), torch::toString(pictures.scalar_type()));
  }
  const int64_t count = pictures.size(0), height = pictures.size(1), width = pictures.size(2);
  if (height > kMostGifSide || width > kMostGifSide) {
    fail("GIF: expected sides of at most {} pixels, got {} x {}", kMostGifSide, width, height);
  }
  if (options.hundredths < 2 || options.hundredths > 65535) {
    fail("GIF: expected pictures that stand 2 to 65535 hundredths of a second, got {}", options.hundredths);
  }
  const torch::Tensor bytes = pictures.detach().cpu().contiguous();
  const bool gray = bytes.size(3) == 1;
  const auto w = static_cast<int>(width), h = static_cast<int>(height);
  const auto pixels = static_cast<size_t>(height * width);
  GifWriter writer;
  ColorMap global(nullptr, GifFreeMapObject);
  if (gray) global = make_color_map(grays());
  writer.check(EGifPutScreenDesc(writer.get(), w, h, 8, 0, global.get()));
  put_repetition(writer);
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* picture = bytes.data_ptr<uint8_t>() + static_cast<size_t>(i) * pixels * (gray ? 1 : 3);
    ColorMap own(nullptr, GifFreeMapObject);
    std::vector<uint8_t> indices;
    if (gray) {
      indices.assign(picture, picture + pixels);
    } else {
      const auto palette = choose_palette(picture, pixels);
      own = make_color_map(palette);
      indices = map_to_palette(picture, height, width, palette, options.dither);
    }
    put_duration(writer, options.hundredths);
    writer.check(EGifPutImageDesc(writer.get(), 0, 0, w, h, /*interlaced=*/false, own.get()));
    for (int y = 0; y < h; ++y) {
      writer.check(EGifPutLine(writer.get(), indices.data() + static_cast<size_t>(y) * static_cast<size_t>(w), w));
    }
  }
  return writer.finish();
}

}  // namespace dgl
