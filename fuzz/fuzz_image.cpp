#include "dgl/base/error.h"
#include "dgl/formats/image_file.h"

/// Nothing but dgl::Error may come of any bytes, and an image has as many pixels as it says. The head alone says the
/// same sides as the whole.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dgl::EncodedImage file{data, size, "input"};
  try {
    const dgl::SourceImage head = dgl::decode_image(file, /*header_only=*/true);
    if (head.height * head.width > int64_t{1} << 22) return 0;  // allowed, but slow
    const dgl::SourceImage image = dgl::decode_image(file);
    const auto pixels = static_cast<size_t>(image.height * image.width * image.channels);
    if (image.height != head.height || image.width != head.width || image.pixels.size() != pixels) __builtin_trap();
  } catch (const dgl::Error&) {
  }
  return 0;
}
