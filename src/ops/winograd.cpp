#include "ops/winograd.h"

#include "base/parallel.h"
#include "ops/common.h"

namespace dgl::ops {

namespace {

using torch::Tensor;

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16, kRows = 12;
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8, kRows = 6;
#else
constexpr int64_t kLanes = 4, kRows = 4;
#endif
constexpr int64_t kTile = 4, kPoints = 36, kFewestPixels = 8;
constexpr int64_t kCacheFloats = 96 * 1024;  // of transformed tiles at a time, so that they stay in the second cache

/// A register of channels; may lie anywhere in memory.
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

const Lanes& load(const float* p) { return *reinterpret_cast<const Lanes*>(p); }
void store(float* p, const Lanes& v) { *reinterpret_cast<Lanes*>(p) = v; }

/// How an image divides into tiles of 4 x 4 outputs.
struct Tiling {
  explicit Tiling(const Tensor& x)
      : height(x.size(2)), width(x.size(3)), across((width + kTile - 1) / kTile),
        per_image(((height + kTile - 1) / kTile) * across), count(x.size(0) * per_image) {}
  int64_t height, width, across, per_image, count;
};

/// Where a tile's output begins.
struct Place {
  Place(const Tiling& t, int64_t tile)
      : image(tile / t.per_image), y(tile % t.per_image / t.across * kTile), x(tile % t.across * kTile) {}
  int64_t image, y, x;
};

// The one-dimensional transforms of F(4, 3) at the points 0, ±kA, ±kB and infinity; 5/8 and 3/2 round several times less
// than the customary 1 and 2 (Barabasz et al. 2020, arXiv 1803.10986).
constexpr float kA = 0.625f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;
constexpr float kScale0 = 1 / (kA2 * kB2), kScaleA = 1 / (2 * kA2 * (kA2 - kB2)), kScaleB = 1 / (2 * kB2 * (kB2 - kA2));

void data_transform(const Lanes (&d)[6], Lanes (&v)[6]) {
  const Lanes even_a = d[4] - kB2 * d[2], odd_a = kA * (d[3] - kB2 * d[1]);
  const Lanes even_b = d[4] - kA2 * d[2], odd_b = kB * (d[3] - kA2 * d[1]);
  v[0] = (kA2 * kB2) * d[0] - (kA2 + kB2) * d[2] + d[4];
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
  v[5] = (kA2 * kB2) * d[1] - (kA2 + kB2) * d[3] + d[5];
}

void output_transform(const Lanes (&m)[6], Lanes (&y)[4]) {
  const Lanes even_a = m[1] + m[2], odd_a = kA * (m[1] - m[2]), even_b = m[3] + m[4], odd_b = kB * (m[3] - m[4]);
  y[0] = m[0] + even_a + even_b;
  y[1] = odd_a + odd_b;
  y[2] = kA2 * even_a + kB2 * even_b;
  y[3] = kA2 * odd_a + kB2 * odd_b + m[5];
}

/// The adjoint of output_transform.
void output_transform_adjoint(const Lanes (&y)[4], Lanes (&m)[6]) {
  const Lanes even_a = y[0] + kA2 * y[2], odd_a = kA * (y[1] + kA2 * y[3]);
  const Lanes even_b = y[0] + kB2 * y[2], odd_b = kB * (y[1] + kB2 * y[3]);
  m[0] = y[0];
  m[1] = even_a + odd_a;
  m[2] = even_a - odd_a;
  m[3] = even_b + odd_b;
  m[4] = even_b - odd_b;
  m[5] = y[3];
}

void weight_transform(const Lanes& w0, const Lanes& w1, const Lanes& w2, Lanes (&u)[6]) {
  u[0] = kScale0 * w0;
  u[1] = kScaleA * (w0 + kA * w1 + kA2 * w2);
  u[2] = kScaleA * (w0 - kA * w1 + kA2 * w2);
  u[3] = kScaleB * (w0 + kB * w1 + kB2 * w2);
  u[4] = kScaleB * (w0 - kB * w1 + kB2 * w2);
  u[5] = w2;
}

void weight_transform_adjoint(const Lanes (&u)[6], Lanes (&w)[3]) {
  const Lanes even_a = kScaleA * (u[1] + u[2]), odd_a = kScaleA * kA * (u[1] - u[2]);
  const Lanes even_b = kScaleB * (u[3] + u[4]), odd_b = kScaleB * kB * (u[3] - u[4]);
  w[0] = kScale0 * u[0] + even_a + even_b;
  w[1] = odd_a + odd_b;
  w[2] = kA2 * even_a + kB2 * even_b + u[5];
}

/// The 6 x 6 inputs around the outputs of a tile to 36 points; point p of channel c goes to
/// out[p * stride + c].
void transform_input(const float* x, const Tiling& t, const Place& place, int64_t channels, float* out,
                     int64_t stride) {
  const float* image = x + place.image * t.height * t.width * channels;
  for (int64_t c = 0; c < channels; c += kLanes) {
    Lanes rows[6][6];
    for (int64_t j = 0; j < 6; ++j) {
      const int64_t column = place.x + j - 1;
      Lanes d[6], v[6];
      for (int64_t i = 0; i < 6; ++i) {
        const int64_t row = place.y + i - 1;
        const bool inside = row >= 0 && row < t.height && column >= 0 && column < t.width;
        d[i] = inside ? load(image + (row * t.width + column) * channels + c) : Lanes{};
      }
      data_transform(d, v);
      for (int64_t i = 0; i < 6; ++i) rows[i][j] = v[i];
    }
    for (int64_t i = 0; i < 6; ++i) {
      Lanes v[6];
      data_transform(rows[i], v);
      for (int64_t j = 0; j < 6; ++j) store(out + (i * 6 + j) * stride + c, v[j]);
    }
  }
}

/// 36 points to the 4 x 4 outputs of a tile, those of them that lie inside the image.
void transform_output(const float* in, int64_t stride, const Tiling& t, const Place& place, int64_t channels,
                      float* y) {
  float* image = y + place.image * t.height * t.width * channels;
  const int64_t height = std::min(kTile, t.height - place.y), width = std::min(kTile, t.width - place.x);
  for (int64_t c = 0; c < channels; c += kLanes) {
    Lanes columns[4][6];
    for (int64_t j = 0; j < 6; ++j) {
      Lanes m[6], v[4];
      for (int64_t i = 0; i < 6; ++i) m[i] = load(in + (i * 6 + j) * stride + c);
      output_transform(m, v);
      for (int64_t i = 0; i < 4; ++i) columns[i][j] = v[i];
    }
    for (int64_t i = 0; i < height; ++i) {
      Lanes v[4];
      output_transform(columns[i], v);
      for (int64_t j = 0; j < width; ++j) store(image + ((place.y + i) * t.width + place.x + j) * channels + c, v[j]);
    }
  }
}

/// The adjoint of transform_output: gradients of a tile's outputs to its 36 points.
void transform_gradient(const float* g, const Tiling& t, const Place& place, int64_t channels, float* out,
                        int64_t stride) {
  const float* image = g + place.image * t.height * t.width * channels;
  for (int64_t c = 0; c < channels; c += kLanes) {
    Lanes rows[6][4];
    for (int64_t j = 0; j < 4; ++j) {
      Lanes d[4], v[6];
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t row = place.y + i, column = place.x + j;
        const bool inside = row < t.height && column < t.width;
        d[i] = inside ? load(image + (row * t.width + column) * channels + c) : Lanes{};
      }
      output_transform_adjoint(d, v);
      for (int64_t i = 0; i < 6; ++i) rows[i][j] = v[i];
    }
    for (int64_t i = 0; i < 6; ++i) {
      Lanes v[6];
      output_transform_adjoint(rows[i], v);
      for (int64_t j = 0; j < 6; ++j) store(out + (i * 6 + j) * stride + c, v[j]);
    }
  }
}

/// c[Rows x Columns * kLanes] (+)= a . b, where a's element (r, k) is at a[r * a_row + k * a_column], b's row k at
/// b + k * n, c's row r at c + r * n: the whole of c in registers.
template <int64_t Rows, int64_t Columns>
void multiply_block(const float* a, int64_t a_row, int64_t a_column, const float* b, float* c, int64_t n, int64_t depth,
                    bool add) {
  Lanes sums[Rows][Columns];
#pragma GCC unroll 16
  for (int64_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < Columns; ++j) sums[r][j] = add ? load(c + r * n + j * kLanes) : Lanes{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    Lanes row[Columns];
#pragma GCC unroll 4
    for (int64_t j = 0; j < Columns; ++j) row[j] = load(b + k * n + j * kLanes);
#pragma GCC unroll 16
    for (int64_t r = 0; r < Rows; ++r) {
      const float factor = a[r * a_row + k * a_column];
#pragma GCC unroll 4
      for (int64_t j = 0; j < Columns; ++j) sums[r][j] += factor * row[j];
    }
  }
#pragma GCC unroll 16
  for (int64_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < Columns; ++j) store(c + r * n + j * kLanes, sums[r][j]);
  }
}

/// c [rows, n] (+)= a . b [depth, n]; rows a multiple of Rows, n of kLanes. Two registers of columns at a time.
template <int64_t Rows>
void multiply(const float* a, int64_t a_row, int64_t a_column, const float* b, float* c, int64_t rows, int64_t n,
              int64_t depth, bool add) {
  int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    for (int64_t r = 0; r < rows; r += Rows) {
      multiply_block<Rows, 2>(a + r * a_row, a_row, a_column, b + j, c + r * n + j, n, depth, add);
    }
  }
  for (; j < n; j += kLanes) {
    for (int64_t r = 0; r < rows; r += Rows) {
      multiply_block<Rows, 1>(a + r * a_row, a_row, a_column, b + j, c + r * n + j, n, depth, add);
    }
  }
}

/// Weights [O, C, 3, 3] as points [36, C, O].
Tensor transform_weight(const Tensor& w) {
  const Tensor from = w.permute({2, 3, 1, 0}).contiguous();  // [3, 3, C, O]
  const int64_t n = w.size(0) * w.size(1);
  Tensor u = at::empty({kPoints, w.size(1), w.size(0)}, from.options());
  const float* in = from.data_ptr<float>();
  float* out = u.data_ptr<float>();
  parallel_for(0, n / kLanes, 2048 / kLanes, [=](int64_t first, int64_t last) {
    for (int64_t i = first * kLanes; i < last * kLanes; i += kLanes) {
      Lanes rows[3][6];
      for (int64_t k = 0; k < 3; ++k) {
        const float* row = in + k * 3 * n + i;
        weight_transform(load(row), load(row + n), load(row + 2 * n), rows[k]);
      }
      for (int64_t k = 0; k < 6; ++k) {
        Lanes column[6];
        weight_transform(rows[0][k], rows[1][k], rows[2][k], column);
        for (int64_t p = 0; p < 6; ++p) store(out + (p * 6 + k) * n + i, column[p]);
      }
    }
  });
  return u;
}

/// The adjoint of transform_weight: points [36, C, O] to [O, C, 3, 3].
Tensor transform_weight_adjoint(const Tensor& u) {
  const int64_t n = u.size(1) * u.size(2);
  Tensor w = at::empty({3, 3, u.size(1), u.size(2)}, u.options());
  const float* in = u.data_ptr<float>();
  float* out = w.data_ptr<float>();
  parallel_for(0, n / kLanes, 2048 / kLanes, [=](int64_t first, int64_t last) {
    for (int64_t i = first * kLanes; i < last * kLanes; i += kLanes) {
      Lanes rows[3][6];
      for (int64_t k = 0; k < 6; ++k) {
        Lanes column[6], sums[3];
        for (int64_t p = 0; p < 6; ++p) column[p] = load(in + (p * 6 + k) * n + i);
        weight_transform_adjoint(column, sums);
        for (int64_t p = 0; p < 3; ++p) rows[p][k] = sums[p];
      }
      for (int64_t p = 0; p < 3; ++p) {
        Lanes sums[3];
        weight_transform_adjoint(rows[p], sums);
        for (int64_t k = 0; k < 3; ++k) store(out + (p * 3 + k) * n + i, sums[k]);
      }
    }
  });
  return w.permute({3, 2, 0, 1}).contiguous(at::MemoryFormat::ChannelsLast);
}

/// Tiles that are worked on together, a multiple of kRows.
int64_t tiles_at_once(int64_t channels) {
  return std::max<int64_t>(kRows, kCacheFloats / (kPoints * channels) / kRows * kRows);
}

constexpr int64_t kWeightRows = 4;  // divides every number of channels that is served
static_assert(kLanes % kWeightRows == 0);

}  // namespace

bool winograd_serves(const Tensor& x, int64_t in, int64_t out) {
  return x.device().is_cpu() && x.scalar_type() == torch::kFloat && in % kLanes == 0 && out % kLanes == 0 &&
         x.size(2) >= kFewestPixels && x.size(3) >= kFewestPixels;
}

Tensor winograd_conv2d(const Tensor& x_any, const Tensor& w) {
  const Tensor x = working_layout(x_any), u = transform_weight(w);
  const int64_t in = w.size(1), out = w.size(0);
  const Tiling tiling(x);
  Tensor y = at::empty({x.size(0), out, x.size(2), x.size(3)}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const float *from = x.data_ptr<float>(), *weights = u.data_ptr<float>();
  float* to = y.data_ptr<float>();
  const int64_t size = tiles_at_once(in + out), blocks = (tiling.count + size - 1) / size;
  parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    // Rows of tiles that do not exist are multiplied, but never read.
    const std::unique_ptr<float[]> points(new float[kPoints * size * in]()), products(new float[kPoints * size * out]);
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = block * size, count = std::min(size, tiling.count - begin);
      const int64_t rows = (count + kRows - 1) / kRows * kRows;
      for (int64_t i = 0; i < count; ++i) {
        transform_input(from, tiling, Place(tiling, begin + i), in, points.get() + i * in, size * in);
      }
      for (int64_t p = 0; p < kPoints; ++p) {
        multiply<kRows>(points.get() + p * size * in, in, 1, weights + p * in * out, products.get() + p * size * out,
                        rows, out, in, false);
      }
      for (int64_t i = 0; i < count; ++i) {
        transform_output(products.get() + i * out, size * out, tiling, Place(tiling, begin + i), out, to);
      }
    }
  });
  return y;
}

Tensor winograd_weight_gradient(const Tensor& x_any, const Tensor& g_any) {
  const Tensor x = working_layout(x_any), g = working_layout(g_any);
  const int64_t in = x.size(1), out = g.size(1);
  const Tiling tiling(x);
  const int64_t size = tiles_at_once(in + out), blocks = (tiling.count + size - 1) / size;
  // Each share of the blocks has sums of its own, added in order, so that the result is the same in every run.
  const int64_t shares = std::min<int64_t>(blocks, at::get_num_threads());
  Tensor sums = at::zeros({shares, kPoints, in, out}, x.options().memory_format(at::MemoryFormat::Contiguous));
  const float *from = x.data_ptr<float>(), *gradients = g.data_ptr<float>();
  float* to = sums.data_ptr<float>();
  parallel_for(0, shares, 1, [&](int64_t first_share, int64_t last_share) {
    const std::unique_ptr<float[]> a(new float[kPoints * size * in]), b(new float[kPoints * size * out]);
    for (int64_t share = first_share; share < last_share; ++share) {
      for (int64_t block = share * blocks / shares; block < (share + 1) * blocks / shares; ++block) {
        const int64_t begin = block * size, count = std::min(size, tiling.count - begin);
        for (int64_t i = 0; i < count; ++i) {
          const Place place(tiling, begin + i);
          transform_input(from, tiling, place, in, a.get() + i * in, size * in);
          transform_gradient(gradients, tiling, place, out, b.get() + i * out, size * out);
        }
        for (int64_t p = 0; p < kPoints; ++p) {
          multiply<kWeightRows>(a.get() + p * size * in, 1, in, b.get() + p * size * out,
                                to + (share * kPoints + p) * in * out, in, out, count, true);
        }
      }
    }
  });
  return transform_weight_adjoint(shares == 1 ? sums[0] : sums.sum(0));
}

}  // namespace dgl::ops
