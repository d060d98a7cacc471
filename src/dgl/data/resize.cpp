#include "dgl/data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "dgl/base/error.h"

namespace dgl {

namespace {

constexpr int kPrecision = 32 - 8 - 2;  // as in Pillow: 8 bits of pixel and 2 of overshoot beside the weights

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

/// Keys's cubic convolution with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  const double d = std::abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

double lanczos3(double x) {
  if (x < -3 || x >= 3) return 0;
  const auto sinc = [](double v) { return v == 0 ? 1.0 : std::sin(v * std::numbers::pi) / (v * std::numbers::pi); };
  return sinc(x) * sinc(x / 3);
}

/// A filter's kernel, which is 0 from `support` on.
struct Kernel {
  ResizeFilter filter;
  const char* name;
  double (*weight)(double x);
  double support;
  const char* words;
};
constexpr Kernel kKernels[] = {
    {ResizeFilter::box, "box", box, 0.5, "means over boxes as Pillow's"},
    {ResizeFilter::bicubic, "bicubic", bicubic, 2, "antialiased bicubic (a = -0.5) as Pillow's"},
    {ResizeFilter::lanczos, "lanczos", lanczos3, 3, "antialiased Lanczos (a = 3) as Pillow's"},
};

const Kernel& kernel_of(ResizeFilter filter) {
  for (const Kernel& kernel : kKernels) {
    if (kernel.filter == filter) return kernel;
  }
  throw InternalError("a resize filter without a kernel");
}

/// The weights of one output pixel and the first input pixel that they apply to.
template <class Weight>
struct WindowOf {
  int64_t first = 0;
  std::vector<Weight> weights;
};
using ExactWindow = WindowOf<double>;
using Window = WindowOf<int32_t>;

std::vector<ExactWindow> exact_windows(int64_t from, int64_t to, const Kernel& kernel) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), widened = std::max(scale, 1.0);
  const double support = kernel.support * widened;
  std::vector<ExactWindow> result(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    ExactWindow& window = result[static_cast<size_t>(i)];
    // Rounded as PIL does it.  NOLINTBEGIN(bugprone-incorrect-roundings)
    window.first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const int64_t end = std::min(from, static_cast<int64_t>(center + support + 0.5));
    // NOLINTEND(bugprone-incorrect-roundings)
    double sum = 0;
    for (int64_t x = window.first; x < end; ++x) {
      window.weights.push_back(kernel.weight((static_cast<double>(x) - center + 0.5) * (1 / widened)));
      sum += window.weights.back();
    }
    for (double& weight : window.weights) weight /= sum;
  }
  return result;
}

/// The same in fixed point.
std::vector<Window> windows(int64_t from, int64_t to, const Kernel& kernel) {
  std::vector<Window> result;
  for (const ExactWindow& exact : exact_windows(from, to, kernel)) {
    Window window{exact.first, {}};
    for (const double share : exact.weights) {
      window.weights.push_back(static_cast<int32_t>(share * (1 << kPrecision) + (share < 0 ? -0.5 : 0.5)));
    }
    result.push_back(window);
  }
  return result;
}

uint8_t clip(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecision, 0, 255)); }

SourceImage resize_rows(const SourceImage& image, int64_t width, const Kernel& kernel) {
  const int64_t height = image.height, channels = image.channels;
  SourceImage out{height, width, channels, std::vector<uint8_t>(static_cast<size_t>(width * height * channels)),
                  image.label};
  const std::vector<Window> taps = windows(image.width, width, kernel);
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* row = image.pixels.data() + y * image.width * channels;
    uint8_t* to = out.pixels.data() + y * width * channels;
    for (const Window& window : taps) {
      for (int64_t c = 0; c < channels; ++c) {
        int32_t sum = 1 << (kPrecision - 1);
        const uint8_t* at = row + window.first * channels + c;
        for (const int32_t weight : window.weights) {
          sum += weight * *at;
          at += channels;
        }
        *to++ = clip(sum);
      }
    }
  }
  return out;
}

SourceImage resize_columns(const SourceImage& image, int64_t height, const Kernel& kernel) {
  const int64_t stride = image.width * image.channels;
  SourceImage out{height, image.width, image.channels, std::vector<uint8_t>(static_cast<size_t>(stride * height)),
                  image.label};
  const std::vector<Window> taps = windows(image.height, height, kernel);
  std::vector<int32_t> sums(static_cast<size_t>(stride));
  for (int64_t y = 0; y < height; ++y) {
    const Window& window = taps[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), 1 << (kPrecision - 1));
    const uint8_t* row = image.pixels.data() + window.first * stride;
    for (const int32_t weight : window.weights) {
      for (int64_t x = 0; x < stride; ++x) sums[static_cast<size_t>(x)] += weight * row[x];
      row += stride;
    }
    std::transform(sums.begin(), sums.end(), out.pixels.begin() + y * stride, clip);
  }
  return out;
}

}  // namespace

SourceImage center_crop(const SourceImage& image) {
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

ResizeFilter parse_resize_filter(const std::string& name, const std::string& key) {
  for (const Kernel& kernel : kKernels) {
    if (name == kernel.name) return kernel.filter;
  }
  fail("{}: \"{}\": expected box, bicubic or lanczos", key, name);
}

std::string resize_filter_words(ResizeFilter filter) { return kernel_of(filter).words; }

SourceImage resize(const SourceImage& image, int64_t size, ResizeFilter filter) {
  const Kernel& kernel = kernel_of(filter);
  // A pass that keeps the size is the identity. Pillow skips it too.
  const SourceImage narrow = image.width == size ? image : resize_rows(image, size, kernel);
  return narrow.height == size ? narrow : resize_columns(narrow, size, kernel);
}

std::vector<float> resize_exactly(const SourceImage& image, int64_t size, ResizeFilter filter) {
  const Kernel& kernel = kernel_of(filter);
  const int64_t channels = image.channels, row = size * channels;
  std::vector<float> narrow;  // [height, size, channels]
  narrow.reserve(static_cast<size_t>(image.height * row));
  const auto across = exact_windows(image.width, size, kernel), down = exact_windows(image.height, size, kernel);
  for (int64_t y = 0; y < image.height; ++y) {
    for (const ExactWindow& window : across) {
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* at = image.pixels.data() + (y * image.width + window.first) * channels + c;
        double sum = 0;
        for (const double weight : window.weights) {
          sum += weight * *at;
          at += channels;
        }
        narrow.push_back(static_cast<float>(sum));
      }
    }
  }
  std::vector<float> out;
  out.reserve(static_cast<size_t>(size * row));
  for (const ExactWindow& window : down) {
    for (int64_t x = 0; x < row; ++x) {
      const float* at = narrow.data() + window.first * row + x;
      double sum = 0;
      for (const double weight : window.weights) {
        sum += weight * static_cast<double>(*at);
        at += row;
      }
      out.push_back(static_cast<float>(sum));
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
      out.pixels.push_back(static_cast<uint8_t>((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16));
    }
  }
  return out;
}

}  // namespace dgl
