#include "data/resize.h"

#include <cmath>

namespace dgl {

namespace {

constexpr double kLobes = 3, kPi = 3.14159265358979323846;

double lanczos(double x) {
  if (x == 0) return 1;
  if (std::abs(x) >= kLobes) return 0;
  return kLobes * std::sin(kPi * x) * std::sin(kPi * x / kLobes) / (kPi * kPi * x * x);
}

/// The weights with which one output sample sees the input samples from `first` on.
struct Window {
  int64_t first;
  std::vector<float> weights;
};

std::vector<Window> windows(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widen = std::max(1.0, scale), reach = kLobes * widen;
  std::vector<Window> all;
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5));
    const auto last = std::min<int64_t>(from, static_cast<int64_t>(centre + reach + 0.5));
    std::vector<double> raw;
    double sum = 0;
    for (int64_t k = first; k < last; ++k) {
      raw.push_back(lanczos((static_cast<double>(k) - centre + 0.5) / widen));
      sum += raw.back();
    }
    Window window{first, {}};
    for (const double w : raw) window.weights.push_back(static_cast<float>(w / sum));
    all.push_back(std::move(window));
  }
  return all;
}

}  // namespace

SourceImage centre_crop(const SourceImage& image) {
  const int64_t side = std::min(image.height, image.width), c = image.channels;
  if (image.height == image.width) return image;
  const int64_t top = (image.height - side) / 2, left = (image.width - side) / 2;
  SourceImage out{side, side, c, {}, image.label};
  for (int64_t y = 0; y < side; ++y) {
    const auto* row = image.pixels.data() + ((top + y) * image.width + left) * c;
    out.pixels.insert(out.pixels.end(), row, row + side * c);
  }
  return out;
}

SourceImage pad_to(const SourceImage& image, int64_t size) {
  const int64_t c = image.channels, top = (size - image.height) / 2, left = (size - image.width) / 2;
  SourceImage out{size, size, c, std::vector<uint8_t>(static_cast<size_t>(size * size * c)), image.label};
  for (int64_t y = 0; y < image.height; ++y) {
    const auto* row = image.pixels.data() + y * image.width * c;
    std::copy(row, row + image.width * c, out.pixels.data() + ((top + y) * size + left) * c);
  }
  return out;
}

SourceImage resize_lanczos(const SourceImage& image, int64_t size) {
  const int64_t h = image.height, w = image.width, c = image.channels;
  const auto across = windows(w, size), down = windows(h, size);
  std::vector<float> wide(static_cast<size_t>(h * size * c));
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      const Window& window = across[static_cast<size_t>(x)];
      for (int64_t k = 0; k < c; ++k) {
        float sum = 0;
        for (size_t i = 0; i < window.weights.size(); ++i) {
          sum += window.weights[i] * static_cast<float>(image.pixels[static_cast<size_t>((y * w + window.first + static_cast<int64_t>(i)) * c + k)]);
        }
        wide[static_cast<size_t>((y * size + x) * c + k)] = sum;
      }
    }
  }
  SourceImage out{size, size, c, std::vector<uint8_t>(static_cast<size_t>(size * size * c)), image.label};
  for (int64_t y = 0; y < size; ++y) {
    const Window& window = down[static_cast<size_t>(y)];
    for (int64_t x = 0; x < size * c; ++x) {
      float sum = 0;
      for (size_t i = 0; i < window.weights.size(); ++i) {
        sum += window.weights[i] * wide[static_cast<size_t>((window.first + static_cast<int64_t>(i)) * size * c + x)];
      }
      out.pixels[static_cast<size_t>(y * size * c + x)] = static_cast<uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
    }
  }
  return out;
}

SourceImage with_channels(const SourceImage& image, int64_t channels) {
  if (image.channels == channels) return image;
  SourceImage out{image.height, image.width, channels, {}, image.label};
  const auto pixels = static_cast<size_t>(image.height * image.width);
  for (size_t i = 0; i < pixels; ++i) {
    if (channels == 3) {
      out.pixels.insert(out.pixels.end(), 3, image.pixels[i]);
    } else {
      const uint8_t* p = image.pixels.data() + 3 * i;
      out.pixels.push_back(static_cast<uint8_t>(std::lround(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2])));
    }
  }
  return out;
}

}  // namespace dgl
