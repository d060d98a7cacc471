#include <webp/decode.h>
#include <webp/demux.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/exif.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

/// The orientation in the EXIF chunk, which stands behind the pixels.
int webp_orientation(const EncodedImage& encoded) {
  const WebPData data{encoded.data, static_cast<size_t>(encoded.size)};
  const std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demuxer(WebPDemux(&data), WebPDemuxDelete);
  WebPChunkIterator chunk{};
  if (!demuxer || !WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) return 1;
  const int orientation = exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

/// The first picture of an animation, RGBA.
std::vector<uint8_t> first_webp_frame(const EncodedImage& encoded, size_t bytes) {
  const WebPData data{encoded.data, static_cast<size_t>(encoded.size)};
  const std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(WebPAnimDecoderNew(&data, nullptr),
                                                                             WebPAnimDecoderDelete);
  uint8_t* frame = nullptr;
  int time = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &frame, &time)) {
    fail_file("{}: WebP: the animation is damaged or cut off", encoded.name);
  }
  return {frame, frame + bytes};
}

}  // namespace

SourceImage decode_webp(const EncodedImage& encoded, bool header_only) {
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(encoded.data, encoded.size, &features) != VP8_STATUS_OK) {
    fail_file("{}: WebP: damaged or cut off", encoded.name);
  }
  check_image_sides(static_cast<uint64_t>(features.width), static_cast<uint64_t>(features.height), encoded.name);
  SourceImage image{features.height, features.width, 3, {}, 0, webp_orientation(encoded)};
  if (header_only) return image;
  const auto area = static_cast<size_t>(image.height * image.width);
  std::vector<uint8_t> rgba(area * 4);
  if (features.has_animation) {
    rgba = first_webp_frame(encoded, rgba.size());
  } else if (!WebPDecodeRGBAInto(encoded.data, encoded.size, rgba.data(), rgba.size(), features.width * 4)) {
    fail_file("{}: WebP: damaged or cut off", encoded.name);
  }
  image.pixels.resize(area * 3);
  for (size_t i = 0; i < area; ++i) {
    for (size_t c = 0; c < 3; ++c) image.pixels[3 * i + c] = over_white(rgba[4 * i + c], rgba[4 * i + 3]);
  }
  return image;
}

}  // namespace dgl
