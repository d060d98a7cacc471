#pragma once

#include <cstdint>

#include "dgl/ops/vec.h"

namespace dgl::ops {

// Products of small matrices whose rows fill whole registers: of float32 numbers, or of pairs of bfloat16 numbers,
// where a pair is a step of the sum (kHalfProducts). Sums are float32. Private to this library.

/// Rows of a product (kRows) and of sums over pixels (kSumRows) that fit the registers together with two registers of
/// columns. kSumRows divides every number of channels that fills registers.
#if defined(__AVX512F__)
constexpr int64_t kRows = 12, kSumRows = 8;
#elif defined(__AVX2__)
constexpr int64_t kRows = 6, kSumRows = 4;
#else
constexpr int64_t kRows = 4, kSumRows = 4;
#endif
static_assert(kVecSize % kSumRows == 0);

/// Computes c[Rows x Columns * kVecSize] = a . b, or adds that to c if `add`. All of c is in registers. Element (r, k)
/// of a is at a[r * a_row + k * a_column], row k of b at b + k * n, and row r of c at c + r * n.
template <int64_t Rows, int64_t Columns, class Number>
inline void multiply_block(const Number* a, int64_t a_row, int64_t a_column, const Number* b, float* c, int64_t n,
                           int64_t depth, bool add) {
  Vec sums[Rows][Columns];
#pragma GCC unroll 16
  for (int64_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < Columns; ++j) sums[r][j] = add ? load(c + r * n + j * kVecSize) : Vec{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    decltype(load(b)) row[Columns];
#pragma GCC unroll 4
    for (int64_t j = 0; j < Columns; ++j) row[j] = load(b + k * n + j * kVecSize);
#pragma GCC unroll 16
    for (int64_t r = 0; r < Rows; ++r) {
      const Number factor = a[r * a_row + k * a_column];
#pragma GCC unroll 4
      for (int64_t j = 0; j < Columns; ++j) add_products(sums[r][j], factor, row[j]);
    }
  }
#pragma GCC unroll 16
  for (int64_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < Columns; ++j) store(c + r * n + j * kVecSize, sums[r][j]);
  }
}

/// Computes c [rows, n] = a . b [depth, n], or adds that to c if `add`. `rows` is a multiple of Rows, `n` of kVecSize.
/// Takes two registers of columns at a time.
template <int64_t Rows, class Number>
inline void multiply(const Number* a, int64_t a_row, int64_t a_column, const Number* b, float* c, int64_t rows,
                     int64_t n, int64_t depth, bool add) {
  int64_t j = 0;
  for (; j + 2 * kVecSize <= n; j += 2 * kVecSize) {
    for (int64_t r = 0; r < rows; r += Rows) {
      multiply_block<Rows, 2>(a + r * a_row, a_row, a_column, b + j, c + r * n + j, n, depth, add);
    }
  }
  for (; j < n; j += kVecSize) {
    for (int64_t r = 0; r < rows; r += Rows) {
      multiply_block<Rows, 1>(a + r * a_row, a_row, a_column, b + j, c + r * n + j, n, depth, add);
    }
  }
}

}  // namespace dgl::ops
