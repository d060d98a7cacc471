#include "dgl/ops/winograd.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/frozen_weights.h"
#include "dgl/ops/matmul.h"

namespace dgl::ops {

namespace {

using torch::Tensor;

constexpr int64_t kTile = 4, kPoints = 36, kFewestPixels = 8;
constexpr int64_t kCacheFloats = 96 * 1024;  // numbers of transformed tiles at a time, if there are few channels
constexpr int64_t kManyWeights = 4 << 20;    // more transformed weights than this take more tiles at a time

/// The numbers of transformed data, as the products take them.
template <class Number>
Number* numbers(const Tensor& points) {
  return static_cast<Number*>(points.data_ptr());
}

/// The division of a convolution's outputs into tiles of 4 x 4.
struct Tiling {
  Tiling(const Tensor& x, int64_t padding_)
      : in_height(x.size(2)),
        in_width(x.size(3)),
        padding(padding_),
        height(in_height + 2 * padding - 2),
        width(in_width + 2 * padding - 2),
        across((width + kTile - 1) / kTile),
        per_image(((height + kTile - 1) / kTile) * across),
        count(x.size(0) * per_image) {}
  int64_t in_height, in_width, padding;
  int64_t height, width;  ///< of the outputs
  int64_t across, per_image, count;
};

/// The position of a tile's first output.
struct Place {
  Place(const Tiling& t, int64_t tile)
      : image(tile / t.per_image), y(tile % t.per_image / t.across * kTile), x(tile % t.across * kTile) {}
  int64_t image, y, x;
};

// The one-dimensional transforms of F(4, 3) at the points 0, ±kA, ±kB and infinity. The points 5/8 and 3/2 cause
// several times smaller rounding errors than the customary 1 and 2 (Barabasz et al. 2020, arXiv 1803.10986).
constexpr float kA = 0.625f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;
constexpr float kScale0 = 1 / (kA2 * kB2), kScaleA = 1 / (2 * kA2 * (kA2 - kB2)), kScaleB = 1 / (2 * kB2 * (kB2 - kA2));

void data_transform(const Vec (&d)[6], Vec (&v)[6]) {
  const Vec even_a = d[4] - kB2 * d[2], odd_a = kA * (d[3] - kB2 * d[1]);
  const Vec even_b = d[4] - kA2 * d[2], odd_b = kB * (d[3] - kA2 * d[1]);
  v[0] = (kA2 * kB2) * d[0] - (kA2 + kB2) * d[2] + d[4];
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
  v[5] = (kA2 * kB2) * d[1] - (kA2 + kB2) * d[3] + d[5];
}

void output_transform(const Vec (&m)[6], Vec (&y)[4]) {
  const Vec even_a = m[1] + m[2], odd_a = kA * (m[1] - m[2]), even_b = m[3] + m[4], odd_b = kB * (m[3] - m[4]);
  y[0] = m[0] + even_a + even_b;
  y[1] = odd_a + odd_b;
  y[2] = kA2 * even_a + kB2 * even_b;
  y[3] = kA2 * odd_a + kB2 * odd_b + m[5];
}

/// The adjoint of output_transform.
void output_transform_adjoint(const Vec (&y)[4], Vec (&m)[6]) {
  const Vec even_a = y[0] + kA2 * y[2], odd_a = kA * (y[1] + kA2 * y[3]);
  const Vec even_b = y[0] + kB2 * y[2], odd_b = kB * (y[1] + kB2 * y[3]);
  m[0] = y[0];
  m[1] = even_a + odd_a;
  m[2] = even_a - odd_a;
  m[3] = even_b + odd_b;
  m[4] = even_b - odd_b;
  m[5] = y[3];
}

void weight_transform(const Vec& w0, const Vec& w1, const Vec& w2, Vec (&u)[6]) {
  u[0] = kScale0 * w0;
  u[1] = kScaleA * (w0 + kA * w1 + kA2 * w2);
  u[2] = kScaleA * (w0 - kA * w1 + kA2 * w2);
  u[3] = kScaleB * (w0 + kB * w1 + kB2 * w2);
  u[4] = kScaleB * (w0 - kB * w1 + kB2 * w2);
  u[5] = w2;
}

void weight_transform_adjoint(const Vec (&u)[6], Vec (&w)[3]) {
  const Vec even_a = kScaleA * (u[1] + u[2]), odd_a = kScaleA * kA * (u[1] - u[2]);
  const Vec even_b = kScaleB * (u[3] + u[4]), odd_b = kScaleB * kB * (u[3] - u[4]);
  w[0] = kScale0 * u[0] + even_a + even_b;
  w[1] = odd_a + odd_b;
  w[2] = kA2 * even_a + kB2 * even_b + u[5];
}

/// Where the points of a tile go: number c of point p to data[p * stride + c]. The points of two tiles share a row of
/// pairs, of which the first is stored first.
template <class Number>
struct Points {
  Number* data;
  int64_t stride;
  bool second = false;  ///< of a pair

  void put(int64_t point, int64_t c, const Vec& v) const {
    Number* at = data + point * stride + c;
    if constexpr (std::is_same_v<Number, HalfPair>) {
      second ? store_second(at, v) : store_first(at, v);
    } else {
      store(at, v);
    }
  }
};

/// Transforms the 6 x 6 inputs around the outputs of a tile to 36 points of `channels` numbers. Inputs are multiplied
/// by `scale` [N, channels] if it is given.
template <class T, class Number>
void transform_input(const T* x, const float* scale, const Tiling& t, const Place& place, int64_t channels,
                     const Points<Number>& out) {
  const T* image = x + place.image * t.in_height * t.in_width * channels;
  for (int64_t c = 0; c < channels; c += kVecSize) {
    const Vec factor = scale ? load(scale + place.image * channels + c) : Vec{} + 1.0f;
    Vec rows[6][6];
    for (int64_t j = 0; j < 6; ++j) {
      const int64_t column = place.x + j - t.padding;
      Vec d[6], v[6];
      for (int64_t i = 0; i < 6; ++i) {
        const int64_t row = place.y + i - t.padding;
        const bool inside = row >= 0 && row < t.in_height && column >= 0 && column < t.in_width;
        d[i] = inside ? load(image + (row * t.in_width + column) * channels + c) : Vec{};
      }
      data_transform(d, v);
      for (int64_t i = 0; i < 6; ++i) rows[i][j] = v[i] * factor;
    }
    for (int64_t i = 0; i < 6; ++i) {
      Vec v[6];
      data_transform(rows[i], v);
      for (int64_t j = 0; j < 6; ++j) out.put(i * 6 + j, c, v[j]);
    }
  }
}

/// Transforms 36 points to the 4 x 4 outputs of a tile, and stores those that are inside the image.
template <class T, bool kFinish>
void transform_output(const float* in, int64_t stride, const Tiling& t, const Place& place, int64_t channels, T* y,
                      const Epilogue* finish) {
  T* image = y + place.image * t.height * t.width * channels;
  const int64_t height = std::min(kTile, t.height - place.y), width = std::min(kTile, t.width - place.x);
  for (int64_t c = 0; c < channels; c += kVecSize) {
    Vec columns[4][6];
    for (int64_t j = 0; j < 6; ++j) {
      Vec m[6], v[4];
      for (int64_t i = 0; i < 6; ++i) m[i] = load(in + (i * 6 + j) * stride + c);
      output_transform(m, v);
      for (int64_t i = 0; i < 4; ++i) columns[i][j] = v[i];
    }
    Epilogue::Channels shared{};
    if constexpr (kFinish) shared = finish->channels(place.image, channels, c);
    for (int64_t i = 0; i < height; ++i) {
      Vec v[4];
      output_transform(columns[i], v);
      const int64_t at = (place.y + i) * t.width + place.x;
      for (int64_t j = 0; j < width; ++j) {
        if constexpr (kFinish) v[j] = (*finish)(v[j], shared, place.image, at + j);
        store(image + (at + j) * channels + c, v[j]);
      }
    }
  }
}

/// The adjoint of transform_output. Transforms gradients of a tile's outputs, multiplied by `scale` [N, channels] if it
/// is given, to its 36 points.
template <class T, class Number>
void transform_gradient(const T* g, const float* scale, const Tiling& t, const Place& place, int64_t channels,
                        const Points<Number>& out) {
  const T* image = g + place.image * t.height * t.width * channels;
  for (int64_t c = 0; c < channels; c += kVecSize) {
    const Vec factor = scale ? load(scale + place.image * channels + c) : Vec{} + 1.0f;
    Vec rows[6][4];
    for (int64_t j = 0; j < 4; ++j) {
      Vec d[4], v[6];
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t row = place.y + i, column = place.x + j;
        const bool inside = row < t.height && column < t.width;
        d[i] = inside ? load(image + (row * t.width + column) * channels + c) : Vec{};
      }
      output_transform_adjoint(d, v);
      for (int64_t i = 0; i < 6; ++i) rows[i][j] = v[i] * factor;
    }
    for (int64_t i = 0; i < 6; ++i) {
      Vec v[6];
      output_transform_adjoint(rows[i], v);
      for (int64_t j = 0; j < 6; ++j) out.put(i * 6 + j, c, v[j]);
    }
  }
}

/// Transforms weights [O, C, 3, 3] of any layout to points [36, in, out], for the convolution of C to O channels. With
/// `adjoint` they are for that of O to C channels with the flipped kernel, which is the gradient with respect to the
/// data. As pairs, points are bfloat16 [36, in / 2, out, 2].
template <class Number>
Tensor transform_weight(const Tensor& w, bool adjoint) {
  constexpr bool kPairs = std::is_same_v<Number, HalfPair>;
  constexpr int64_t kEach = kPairs ? 2 : 1;  // rows at a time
  const int64_t in = w.size(adjoint ? 0 : 1), out = w.size(adjoint ? 1 : 0);
  const int64_t in_step = w.stride(adjoint ? 0 : 1), out_step = w.stride(adjoint ? 1 : 0);
  std::array<int64_t, 9> taps;  // offset of each tap
  for (int64_t k = 0; k < 9; ++k) {
    const int64_t tap = adjoint ? 8 - k : k;
    taps[static_cast<size_t>(k)] = tap / 3 * w.stride(2) + tap % 3 * w.stride(3);
  }
  const auto options = w.options().memory_format(at::MemoryFormat::Contiguous);
  Tensor u = kPairs ? at::empty({kPoints, in / 2, out, 2}, options.dtype(torch::kBFloat16))
                    : at::empty({kPoints, in, out}, options);
  const float* from = w.data_ptr<float>();
  Number* to = numbers<Number>(u);
  const int64_t per_row = out / kVecSize, n = in / kEach * out;
  // Takes several rows at a time, whose weights share cache lines.
  parallel_for(0, in / kVecSize * per_row, 1 + 2048 / (kVecSize * kVecSize), [=](int64_t first, int64_t last) {
    for (int64_t i = first * kVecSize; i < last * kVecSize; i += kEach) {
      const int64_t row = i / (per_row * kVecSize) * kVecSize + i % kVecSize,
                    first_column = i / kVecSize % per_row * kVecSize;
      Vec rows[kEach][3][6];
      for (int64_t e = 0; e < kEach; ++e) {
        const float* here = from + (row + e) * in_step + first_column * out_step;
        for (int64_t k = 0; k < 3; ++k) {
          float tap[3][kVecSize];
          for (int64_t j = 0; j < 3; ++j) {
            const float* p = here + taps[static_cast<size_t>(k * 3 + j)];
            for (int64_t l = 0; l < kVecSize; ++l) tap[j][l] = p[l * out_step];
          }
          weight_transform(load(tap[0]), load(tap[1]), load(tap[2]), rows[e][k]);
        }
      }
      Number* out_row = to + row / kEach * out + first_column;
      for (int64_t k = 0; k < 6; ++k) {
        Vec lanes[kEach][6];
        for (int64_t e = 0; e < kEach; ++e) weight_transform(rows[e][0][k], rows[e][1][k], rows[e][2][k], lanes[e]);
        for (int64_t p = 0; p < 6; ++p) {
          if constexpr (kPairs) {
            store_pairs(out_row + (p * 6 + k) * n, lanes[0][p], lanes[1][p]);
          } else {
            store(out_row + (p * 6 + k) * n, lanes[0][p]);
          }
        }
      }
    }
  });
  return u;
}

/// The adjoint of transform_weight. Transforms points [36, C, O] to [O, C, 3, 3].
Tensor transform_weight_adjoint(const Tensor& u) {
  const int64_t n = u.size(1) * u.size(2);
  Tensor w = at::empty({3, 3, u.size(1), u.size(2)}, u.options());
  const float* in = u.data_ptr<float>();
  float* out = w.data_ptr<float>();
  parallel_for(0, n / kVecSize, 2048 / kVecSize, [=](int64_t first, int64_t last) {
    for (int64_t i = first * kVecSize; i < last * kVecSize; i += kVecSize) {
      Vec rows[3][6];
      for (int64_t k = 0; k < 6; ++k) {
        Vec column[6], sums[3];
        for (int64_t p = 0; p < 6; ++p) column[p] = load(in + (p * 6 + k) * n + i);
        weight_transform_adjoint(column, sums);
        for (int64_t p = 0; p < 3; ++p) rows[p][k] = sums[p];
      }
      for (int64_t p = 0; p < 3; ++p) {
        Vec sums[3];
        weight_transform_adjoint(rows[p], sums);
        for (int64_t k = 0; k < 3; ++k) store(out + (p * 3 + k) * n + i, sums[k]);
      }
    }
  });
  return weight_of_taps(w);
}

/// Returns the number of tiles in a block, a multiple of kRows. The second-level cache does not hold the weights, or
/// their sums, beside the tiles. Each pass over them should therefore serve several blocks of rows. But there must be
/// no fewer shares than threads.
int64_t tiles_at_once(int64_t in, int64_t out, int64_t tiles) {
  const int64_t fewest = (kPoints * in * out > kManyWeights ? 8 : 3) * kRows;
  const int64_t size = std::max<int64_t>(fewest, kCacheFloats / (kPoints * (in + out)) / kRows * kRows);
  const int64_t threads = at::get_num_threads(), share = (tiles + threads - 1) / threads;
  return std::min<int64_t>(size, (share + kRows - 1) / kRows * kRows);
}

}  // namespace

bool winograd_supports(const Tensor& x, int64_t in, int64_t out, int64_t padding) {
  if (!vec_supports(x) || in % kVecSize != 0 || out % kVecSize != 0 || x.size(2) < kFewestPixels ||
      x.size(3) < kFewestPixels || padding < 0 || padding > 2)
    return false;
  // For few tiles the transform of the weights costs too much (bench/ops_bench.cpp, winograd beside direct). The rule
  // depends on the shape alone, so that every run takes the same path.
  const int64_t fewest = in * out <= 32 * 32 ? 1 : 16 + in * out / 16384;
  return Tiling(x, padding).count >= (x.scalar_type() == torch::kBFloat16 ? 2 : 1) * fewest;
}

namespace {

/// `Number` is what is multiplied: float, or pairs of adjacent channels.
template <class T, class Number, bool kFinish>
void run_convolution(const Tensor& x, const Tensor& u, int64_t padding, const Tensor& in_scale, const Epilogue* finish,
                     Tensor& y) {
  const int64_t in = x.size(1), out = y.size(1);
  const Tiling tiling(x, padding);
  using One = std::conditional_t<std::is_same_v<Number, HalfPair>, at::BFloat16, float>;  // of a pair
  const int64_t steps = in * static_cast<int64_t>(sizeof(One)) / static_cast<int64_t>(sizeof(Number));
  const T* from = x.data_ptr<T>();
  const Number* weights = numbers<Number>(u);
  const float* scale = pointer(in_scale);
  T* to = y.data_ptr<T>();
  const int64_t size = tiles_at_once(in, out, tiling.count), blocks = (tiling.count + size - 1) / size;
  parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    // Rows of tiles that do not exist are multiplied, but never read.
    const std::unique_ptr<Number[]> points(new Number[kPoints * size * steps]());
    const std::unique_ptr<float[]> products(new float[kPoints * size * out]);
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * size, count = std::min(size, tiling.count - begin);
      const int64_t rows = (count + kRows - 1) / kRows * kRows;
      for (int64_t i = 0; i < count; ++i) {
        transform_input(from, scale, tiling, Place(tiling, begin + i), in,
                        Points<One>{reinterpret_cast<One*>(points.get() + i * steps), size * in});
      }
      for (int64_t p = 0; p < kPoints; ++p) {
        multiply<kRows>(points.get() + p * size * steps, steps, 1, weights + p * steps * out,
                        products.get() + p * size * out, rows, out, steps, false);
      }
      for (int64_t i = 0; i < count; ++i) {
        transform_output<T, kFinish>(products.get() + i * out, size * out, tiling, Place(tiling, begin + i), out, to,
                                     finish);
      }
    }
  });
}

/// `Number` is what is multiplied: float, or pairs of adjacent tiles.
template <class T, class Number>
Tensor run_weight_gradient(const Tensor& x, const Tensor& g, int64_t padding, const Tensor& x_scale,
                           const Tensor& g_scale) {
  const int64_t in = x.size(1), out = g.size(1);
  const Tiling tiling(x, padding);
  const int64_t size = tiles_at_once(in, out, tiling.count), blocks = (tiling.count + size - 1) / size;
  constexpr int64_t kEach = std::is_same_v<Number, HalfPair> ? 2 : 1;  // tiles in a row of points
  const int64_t rows = (size + kEach - 1) / kEach;
  // Each share of the blocks has its own sums. They are added in order, so that every run gives the same result.
  const int64_t shares = std::min<int64_t>(blocks, at::get_num_threads());
  Tensor sums = at::zeros({shares, kPoints, in, out},
                          x.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous));
  const T *from = x.data_ptr<T>(), *gradients = g.data_ptr<T>();
  const float *from_scale = pointer(x_scale), *gradient_scale = pointer(g_scale);
  float* to = sums.data_ptr<float>();
  parallel_for(0, shares, 1, [&](int64_t first_share, int64_t last_share) {
    const std::unique_ptr<Number[]> a(new Number[kPoints * rows * in]), b(new Number[kPoints * rows * out]);
    for (int64_t share = first_share; share < last_share; ++share) {
      for (int64_t block = share * blocks / shares; block < (share + 1) * blocks / shares; ++block) {
        const int64_t begin = block * size, count = std::min(size, tiling.count - begin);
        for (int64_t i = 0; i < count; ++i) {
          const Place place(tiling, begin + i);
          const int64_t row = i / kEach;
          const bool second = i % kEach != 0;
          transform_input(from, from_scale, tiling, place, in, Points<Number>{a.get() + row * in, rows * in, second});
          transform_gradient(gradients, gradient_scale, tiling, place, out,
                             Points<Number>{b.get() + row * out, rows * out, second});
        }
        for (int64_t p = 0; p < kPoints; ++p) {
          multiply<kSumRows>(a.get() + p * rows * in, 1, in, b.get() + p * rows * out,
                             to + (share * kPoints + p) * in * out, in, out, (count + kEach - 1) / kEach, true);
        }
      }
    }
  });
  return transform_weight_adjoint(shares == 1 ? sums[0] : sums.sum(0));
}

/// Whether the products of a convolution of `x` are of bfloat16 numbers.
bool half_products(const Tensor& x) {
  return kHalfProducts && FastProducts::wanted() && x.scalar_type() == torch::kBFloat16;
}

/// `u` is what transform_weight() makes for x's products.
Tensor convolve(const Tensor& x_any, const Tensor& u, int64_t padding, const Tensor& in_scale_any,
                const std::optional<EpilogueParams>& step) {
  const Tensor x = working_layout(x_any), in_scale = contiguous_or_undefined(in_scale_any);
  Tensor y = at::empty({x.size(0), u.size(2), x.size(2) + 2 * padding - 2, x.size(3) + 2 * padding - 2},
                       x.options().memory_format(at::MemoryFormat::ChannelsLast));
  std::optional<Epilogue> finish;
  if (step) finish.emplace(*step);
  const auto run = [&](auto element, auto number) {
    using T = decltype(element);
    using Number = decltype(number);
    finish ? run_convolution<T, Number, true>(x, u, padding, in_scale, &*finish, y)
           : run_convolution<T, Number, false>(x, u, padding, in_scale, nullptr, y);
  };
  if constexpr (kHalfProducts) {
    if (u.scalar_type() == torch::kBFloat16) {
      run(at::BFloat16(), HalfPair());
      return y;
    }
  }
  dispatch_vec(x, [&](auto element) { run(element, float()); });
  return y;
}

}  // namespace

Tensor winograd_conv2d(const Tensor& x, const Tensor& w, int64_t padding, const Tensor& in_scale,
                       const std::optional<EpilogueParams>& step) {
  const bool half = half_products(x);
  const Tensor points = FrozenWeights::derived(w, half ? "winograd of pairs" : "winograd", [&] {
    return half ? transform_weight<HalfPair>(w, /*adjoint=*/false) : transform_weight<float>(w, /*adjoint=*/false);
  });
  return convolve(x, points, padding, in_scale, step);
}

Tensor winograd_input_gradient(const Tensor& g, const Tensor& w, int64_t padding, const Tensor& g_scale) {
  const Tensor points =
      half_products(g) ? transform_weight<HalfPair>(w, /*adjoint=*/true) : transform_weight<float>(w, /*adjoint=*/true);
  return convolve(g, points, 2 - padding, g_scale, {});
}

Tensor winograd_weight_gradient(const Tensor& x_any, const Tensor& g_any, int64_t padding, const Tensor& x_scale_any,
                                const Tensor& g_scale_any) {
  const Tensor x = working_layout(x_any), g = working_layout(g_any), x_scale = contiguous_or_undefined(x_scale_any),
               g_scale = contiguous_or_undefined(g_scale_any);
  if constexpr (kHalfProducts) {
    if (half_products(x)) return run_weight_gradient<at::BFloat16, HalfPair>(x, g, padding, x_scale, g_scale);
  }
  return x.scalar_type() == torch::kBFloat16 ? run_weight_gradient<at::BFloat16, float>(x, g, padding, x_scale, g_scale)
                                             : run_weight_gradient<float, float>(x, g, padding, x_scale, g_scale);
}

}  // namespace dgl::ops
