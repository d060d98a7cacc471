#pragma once

#include <ATen/Parallel.h>
#include <immintrin.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace dgl::ops {

// What the kernels on the matrix unit of Intel processors share (ops/amx.h). Private to this room.

using Number = at::BFloat16;

constexpr int64_t kTile = 16;                     // rows of a tile: pixels or channels; and columns of a sum
constexpr int64_t kDepth = 2 * kTile;             // products that are summed at once
constexpr int64_t kPair = 2 * kTile;              // two tiles beside each other: four sums share their loads
constexpr int64_t kTileNumbers = kTile * kDepth;  // a tile of bfloat16, 1 KiB
constexpr int64_t kTaps = 9;

/// While one lives, its thread's eight tiles are of 16 rows of 64 bytes.
class Tiles {
 public:
  Tiles() {
    alignas(64) std::array<uint8_t, 64> shape{};
    shape[0] = 1;  // the palette
    for (size_t tile = 0; tile < 8; ++tile) {
      shape[16 + 2 * tile] = 64;
      shape[48 + tile] = kTile;
    }
    settle();
    _tile_loadconfig(shape.data());
  }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  /// The compiler's tile loads and stores do not say that they touch memory: no access may be moved across this.
  static void settle() { asm volatile("" ::: "memory"); }
};

/// Room for numbers that begins with a cache line: tiles' rows that lie in two cost twice.
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : numbers_(static_cast<Number*>(::operator new[](static_cast<size_t>(count) * sizeof(Number), kLine))) {}
  Number* get() const { return numbers_.get(); }

 private:
  static constexpr std::align_val_t kLine{64};
  struct Free {
    void operator()(Number* p) const { ::operator delete[](p, kLine); }
  };
  std::unique_ptr<Number[], Free> numbers_;
};

/// How images are divided into blocks that stay in the cache: several whole ones at a time, or some rows of one, and no
/// more than a thread's share.
struct CacheBlocks {
  struct Block {
    int64_t image, images, top, rows;
  };

  /// The cache holds `images_that_fit`, or `rows_that_fit` of one, if not less than one.
  CacheBlocks(int64_t images, int64_t height, int64_t images_that_fit, int64_t rows_that_fit)
      : images(images), height(height) {
    const int64_t threads = at::get_num_threads();
    images_at_once = std::clamp<int64_t>(images_that_fit, 1, std::max<int64_t>(1, parts(images, threads)));
    const int64_t share = parts(images * height, threads);
    rows_at_once = images_at_once > 1 ? height : std::clamp<int64_t>(std::min(rows_that_fit, share), 1, height);
    cuts = parts(height, rows_at_once);
    count = parts(images, images_at_once) * cuts;
  }
  Block operator[](int64_t i) const {
    const int64_t image = i / cuts * images_at_once, top = i % cuts * rows_at_once;
    return {image, std::min(images_at_once, images - image), top, std::min(rows_at_once, height - top)};
  }

  int64_t images, height, images_at_once, rows_at_once, cuts, count;

 private:
  static int64_t parts(int64_t n, int64_t of) { return (n + of - 1) / of; }
};

// Registers of 32 numbers, or of 16 pairs of them.
typedef uint16_t Halves __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));

/// From and to anywhere in memory.
template <class V>
V read(const Number* p) {
  V v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
template <class V>
void write(Number* p, const V& v) {
  std::memcpy(static_cast<void*>(p), &v, sizeof(v));
}

/// Two rows of 32 numbers as 32 pairs: (a[0], b[0]), (a[1], b[1]), …, in two registers.
struct Pairs {
  Halves low, high;
};
template <size_t... i>
Pairs interleave(const Halves& a, const Halves& b, std::index_sequence<i...>) {
  return {__builtin_shufflevector(a, b, static_cast<int>(i / 2 + i % 2 * 32)...),
          __builtin_shufflevector(a, b, static_cast<int>(16 + i / 2 + i % 2 * 32)...)};
}
inline Pairs interleave(const Halves& a, const Halves& b) { return interleave(a, b, std::make_index_sequence<32>()); }

/// Exchanges the off-diagonal blocks of d x d among 16 x 16 words, for one bit of their places.
template <size_t d, size_t... i>
void exchange(Words (&r)[kTile], std::index_sequence<i...>) {
  for (size_t row = 0; row < kTile; ++row) {
    if (row & d) continue;
    const Words a = r[row], b = r[row + d];
    r[row] = __builtin_shufflevector(a, b, static_cast<int>(i & d ? kTile + i - d : i)...);
    r[row + d] = __builtin_shufflevector(a, b, static_cast<int>(i & d ? kTile + i : i + d)...);
  }
}

/// Transposes 16 x 16 words of 32 bits.
inline void transpose(Words (&r)[kTile]) {
  constexpr auto lanes = std::make_index_sequence<kTile>();
  exchange<1>(r, lanes);
  exchange<2>(r, lanes);
  exchange<4>(r, lanes);
  exchange<8>(r, lanes);
}

// Four sums of products of 16 x 16 beside each other, 32 x 32 in all, in the first four tiles; rows are given by the
// bytes from one to the next.

inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
inline void load_sums(const float* sums, int64_t row) {
  const float* lower = sums + kTile * row / static_cast<int64_t>(sizeof(float));
  _tile_loadd(0, sums, row);
  _tile_loadd(1, sums + kTile, row);
  _tile_loadd(2, lower, row);
  _tile_loadd(3, lower + kTile, row);
}
inline void store_sums(float* sums, int64_t row) {
  float* lower = sums + kTile * row / static_cast<int64_t>(sizeof(float));
  _tile_stored(0, sums, row);
  _tile_stored(1, sums + kTile, row);
  _tile_stored(2, lower, row);
  _tile_stored(3, lower + kTile, row);
}
/// Adds the products of two tiles of rows and two of columns.
inline void add_products(const Number* upper, const Number* lower, int64_t row, const Number* left, const Number* right,
                         int64_t column) {
  _tile_loadd(4, upper, row);
  _tile_loadd(6, left, column);
  _tile_loadd(7, right, column);
  _tile_loadd(5, lower, row);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

}  // namespace dgl::ops
