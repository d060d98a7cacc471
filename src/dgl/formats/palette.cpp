#include "dgl/formats/palette.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace dgl {

namespace {

constexpr size_t kMostColors = 256;
constexpr int kMeanRounds = 4;

/// Colors that lie close together, as one: their mean and their number.
struct ColorCloud {
  std::array<double, 3> mean{};
  double weight = 0;
};

/// A range of clouds, and how much they differ along the channel where they differ most.
struct ColorBox {
  size_t first = 0, last = 0;
  size_t channel = 0;
  double spread = 0;  ///< sum of squared differences from the mean; 0 for a box that cannot be cut
};

/// Returns the colors of the pixels, sorted, if there are at most `most`; else nothing.
std::vector<PaletteColor> few_colors(const uint8_t* rgb, size_t count, size_t most) {
  std::vector<uint32_t> seen;
  uint32_t previous = std::numeric_limits<uint32_t>::max();
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* p = rgb + 3 * i;
    const uint32_t color = static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[2];
    if (color == previous) continue;
    previous = color;
    const auto at = std::lower_bound(seen.begin(), seen.end(), color);
    if (at != seen.end() && *at == color) continue;
    if (seen.size() == most) return {};
    seen.insert(at, color);
  }
  std::vector<PaletteColor> colors;
  colors.reserve(seen.size());
  for (const uint32_t color : seen) {
    colors.push_back(
        {static_cast<uint8_t>(color >> 16), static_cast<uint8_t>(color >> 8 & 0xff), static_cast<uint8_t>(color)});
  }
  return colors;
}

/// Gathers the pixels by the upper six bits of each channel.
std::vector<ColorCloud> gather(const uint8_t* rgb, size_t count) {
  struct Sums {
    std::array<int64_t, 3> sum{};
    int64_t count = 0;
  };
  std::vector<Sums> bins(size_t{1} << 18);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* p = rgb + 3 * i;
    Sums& bin = bins[static_cast<size_t>(p[0] >> 2) << 12 | static_cast<size_t>(p[1] >> 2) << 6 | p[2] >> 2];
    for (size_t c = 0; c < 3; ++c) bin.sum[c] += p[c];
    ++bin.count;
  }
  std::vector<ColorCloud> clouds;
  for (const Sums& bin : bins) {
    if (bin.count == 0) continue;
    const auto weight = static_cast<double>(bin.count);
    ColorCloud cloud{{}, weight};
    for (size_t c = 0; c < 3; ++c) cloud.mean[c] = static_cast<double>(bin.sum[c]) / weight;
    clouds.push_back(cloud);
  }
  return clouds;
}

std::array<double, 3> mean_of(const std::vector<ColorCloud>& clouds, const ColorBox& box) {
  std::array<double, 3> sum{};
  double weight = 0;
  for (size_t i = box.first; i < box.last; ++i) {
    for (size_t c = 0; c < 3; ++c) sum[c] += clouds[i].mean[c] * clouds[i].weight;
    weight += clouds[i].weight;
  }
  for (double& value : sum) value /= weight;
  return sum;
}

ColorBox make_box(const std::vector<ColorCloud>& clouds, size_t first, size_t last) {
  ColorBox box{first, last};
  if (last - first < 2) return box;
  const auto mean = mean_of(clouds, box);
  std::array<double, 3> spread{};
  for (size_t i = first; i < last; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      const double difference = clouds[i].mean[c] - mean[c];
      spread[c] += clouds[i].weight * difference * difference;
    }
  }
  box.channel = static_cast<size_t>(std::max_element(spread.begin(), spread.end()) - spread.begin());
  box.spread = spread[box.channel];
  return box;
}

/// Sorts the box's clouds along its channel and returns where half of their weight lies behind, within the box.
size_t median_of(std::vector<ColorCloud>& clouds, const ColorBox& box) {
  const auto begin = clouds.begin() + static_cast<std::ptrdiff_t>(box.first);
  const auto end = clouds.begin() + static_cast<std::ptrdiff_t>(box.last);
  std::sort(begin, end, [&](const ColorCloud& a, const ColorCloud& b) {
    return std::pair(a.mean[box.channel], a.mean) < std::pair(b.mean[box.channel], b.mean);
  });
  double whole = 0, part = 0;
  for (size_t i = box.first; i < box.last; ++i) whole += clouds[i].weight;
  size_t cut = box.first;
  while (cut < box.last && part < whole / 2) part += clouds[cut++].weight;
  return std::clamp(cut, box.first + 1, box.last - 1);
}

std::vector<std::array<double, 3>> median_cut(std::vector<ColorCloud>& clouds, size_t most) {
  std::vector<ColorBox> boxes{make_box(clouds, 0, clouds.size())};
  while (boxes.size() < most) {
    const auto widest = std::max_element(boxes.begin(), boxes.end(),
                                         [](const ColorBox& a, const ColorBox& b) { return a.spread < b.spread; });
    if (!(widest->spread > 0)) break;
    const ColorBox box = *widest;
    const size_t cut = median_of(clouds, box);
    *widest = make_box(clouds, box.first, cut);
    boxes.push_back(make_box(clouds, cut, box.last));
  }
  std::vector<std::array<double, 3>> means;
  means.reserve(boxes.size());
  for (const ColorBox& box : boxes) means.push_back(mean_of(clouds, box));
  return means;
}

size_t nearest_mean(const std::vector<std::array<double, 3>>& means, const std::array<double, 3>& color) {
  size_t best = 0;
  double least = std::numeric_limits<double>::max();
  for (size_t i = 0; i < means.size(); ++i) {
    double distance = 0;
    for (size_t c = 0; c < 3; ++c) distance += (means[i][c] - color[c]) * (means[i][c] - color[c]);
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

/// Moves each mean to the mean of the clouds that are nearest to it, a few times.
void refine(const std::vector<ColorCloud>& clouds, std::vector<std::array<double, 3>>& means) {
  for (int round = 0; round < kMeanRounds; ++round) {
    std::vector<std::array<double, 3>> sums(means.size());
    std::vector<double> weights(means.size());
    for (const ColorCloud& cloud : clouds) {
      const size_t at = nearest_mean(means, cloud.mean);
      for (size_t c = 0; c < 3; ++c) sums[at][c] += cloud.mean[c] * cloud.weight;
      weights[at] += cloud.weight;
    }
    for (size_t i = 0; i < means.size(); ++i) {
      if (weights[i] == 0) continue;
      for (size_t c = 0; c < 3; ++c) means[i][c] = sums[i][c] / weights[i];
    }
  }
}

/// Finds the nearest colors of a palette.
class NearestColor {
 public:
  explicit NearestColor(const std::vector<PaletteColor>& palette) : count_(palette.size()) {
    for (size_t i = 0; i < count_; ++i) {
      red_[i] = palette[i].red;
      green_[i] = palette[i].green;
      blue_[i] = palette[i].blue;
    }
  }
  uint8_t operator()(int red, int green, int blue) const {
    // Distance and index in one number, so that the loop is a minimum that compilers vectorize.
    int best = std::numeric_limits<int>::max();
    for (size_t i = 0; i < count_; ++i) {
      const int r = red_[i] - red, g = green_[i] - green, b = blue_[i] - blue;
      best = std::min(best, (r * r + g * g + b * b) * 256 + static_cast<int>(i));
    }
    return static_cast<uint8_t>(best & 0xff);
  }

 private:
  size_t count_;
  std::array<int, kMostColors> red_{}, green_{}, blue_{};
};

}  // namespace

std::vector<PaletteColor> choose_palette(const uint8_t* rgb, size_t count, size_t most) {
  most = std::clamp<size_t>(most, 1, kMostColors);
  if (count == 0) return {PaletteColor{}};
  if (auto colors = few_colors(rgb, count, most); !colors.empty()) return colors;
  std::vector<ColorCloud> clouds = gather(rgb, count);
  auto means = median_cut(clouds, most);
  refine(clouds, means);
  std::vector<PaletteColor> colors;
  colors.reserve(means.size());
  for (const auto& mean : means) {
    const auto byte = [](double value) { return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))); };
    colors.push_back({byte(mean[0]), byte(mean[1]), byte(mean[2])});
  }
  return colors;
}

std::vector<uint8_t> map_to_palette(const uint8_t* rgb, int64_t height, int64_t width,
                                    const std::vector<PaletteColor>& palette, bool dither) {
  const NearestColor nearest(palette);
  std::vector<uint8_t> indices(static_cast<size_t>(height * width));
  // Sixteenths of differences that the pixels of this row and of the next still have to take.
  const auto row_values = static_cast<size_t>(width + 2) * 3;
  std::vector<int> here(row_values), below(row_values);
  for (int64_t y = 0; y < height; ++y) {
    const bool backward = dither && y % 2 == 1;
    for (int64_t i = 0; i < width; ++i) {
      const int64_t x = backward ? width - 1 - i : i;
      const auto at = static_cast<size_t>(y * width + x);
      const uint8_t* p = rgb + 3 * at;
      if (!dither) {
        indices[at] = nearest(p[0], p[1], p[2]);
        continue;
      }
      std::array<int, 3> color{};
      const size_t place = static_cast<size_t>(x + 1) * 3;
      for (size_t c = 0; c < 3; ++c) color[c] = std::clamp(p[c] + (here[place + c] + 8) / 16, 0, 255);
      indices[at] = nearest(color[0], color[1], color[2]);
      const PaletteColor taken = palette[indices[at]];
      const std::array<int, 3> left{color[0] - taken.red, color[1] - taken.green, color[2] - taken.blue};
      const size_t ahead = backward ? place - 3 : place + 3, behind = backward ? place + 3 : place - 3;
      for (size_t c = 0; c < 3; ++c) {
        here[ahead + c] += 7 * left[c];
        below[behind + c] += 3 * left[c];
        below[place + c] += 5 * left[c];
        below[ahead + c] += left[c];
      }
    }
    if (!dither) continue;
    std::swap(here, below);
    std::fill(below.begin(), below.end(), 0);
  }
  return indices;
}

}  // namespace dgl
