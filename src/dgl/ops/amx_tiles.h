#pragma once

#include <ATen/Parallel.h>
#include <immintrin.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace dgl::ops {

// What the kernels on the matrix unit of Intel processors share (ops/amx.h). Private to this library. Terms:
// - A tile is a register of the matrix unit with 16 rows of 64 bytes. It holds 16 x 32 bfloat16 numbers or 16 x 16
//   float32 sums.
// - A grid position is a place of a convolution's window in the zero-padded image. The sixteen rows of a tile are the
//   pixels of sixteen positions.
// - The parity of a pixel says whether its row and its column, counted with the padding, are even (e) or odd (o). With
//   stride 2 each weight of a kernel meets pixels of one parity only.
//
// With stride 2, grid position (0, 1) has these windows [ ]:
//
//     convolution: 3 x 3 inputs make 1 output          gradient: 2 x 2 inputs make 1 output of each parity
//
//     . . [. . .] . .           .  x  .                .[. .].  .           .  .  ee eo  .  .
//     . . [. . .] . .    ->     .  .  .                .[. .].  .    ->     .  .  oe oo  .  .
//     . . [. . .] . .           .  .  .                . . . .  .           .  .  .  .   .  .
//     . . .  . .  . .                                  . . . .  .           .  .  .  .   .  .

using Number = at::BFloat16;

constexpr int64_t kTile = 16;                     // rows of a tile (pixels or channels), and columns of sums
constexpr int64_t kDepth = 2 * kTile;             // products in a sum of one instruction
constexpr int64_t kPair = 2 * kTile;              // two adjacent tiles, so that four tiles of sums share their loads
constexpr int64_t kTileNumbers = kTile * kDepth;  // bfloat16 numbers in a tile, 1 KiB
constexpr int64_t kTaps = 9;

/// While an object lives, all eight tiles of its thread have 16 rows of 64 bytes.
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

  /// Stops the compiler from moving memory accesses across this point. Its tile loads and stores do not say that they
  /// access memory.
  static void settle() { asm volatile("" ::: "memory"); }
};

/// A buffer that begins at a cache line. A tile's row that spans two lines costs twice.
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

/// Divides images into blocks that stay in the cache. A block holds several whole images or some rows of one, and no
/// more than a thread's share.
struct CacheBlocks {
  struct Block {
    int64_t image, images, top, rows;
  };

  /// The cache holds `images_that_fit` images, or `rows_that_fit` rows of one. A block holds at least one.
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

// Registers of 32 numbers, or of 16 pairs of numbers.
typedef uint16_t Halves __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));

/// Read and write a register at any address, aligned or not.
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

/// Two rows of 32 numbers as 32 pairs in two registers: (a[0], b[0]), (a[1], b[1]), ….
struct Pairs {
  Halves low, high;
};
template <size_t... i>
Pairs interleave(const Halves& a, const Halves& b, std::index_sequence<i...>) {
  return {__builtin_shufflevector(a, b, static_cast<int>(i / 2 + i % 2 * 32)...),
          __builtin_shufflevector(a, b, static_cast<int>(16 + i / 2 + i % 2 * 32)...)};
}
inline Pairs interleave(const Halves& a, const Halves& b) { return interleave(a, b, std::make_index_sequence<32>()); }

/// Exchanges the off-diagonal d x d blocks of 16 x 16 words: the step of transpose() for one bit of the indices.
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

// The first four tiles hold 32 x 32 sums as four blocks of 16 x 16. The parameters `row` and `column` are the bytes
// from one row of a tile to the next.

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
/// Adds the products of two tiles of rows, `upper` and `lower`, and two tiles of columns, `left` and `right`.
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
