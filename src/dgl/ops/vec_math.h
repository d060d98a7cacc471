#pragma once

#include <cstdint>
#include <cstring>

#include "dgl/ops/vec.h"

namespace dgl::ops {

// Functions of vector registers. Private to this library.

typedef int32_t Integers __attribute__((vector_size(kVecSize * 4)));

/// Returns e^x with a relative error below 2e-7; x is limited to -87 … 88, beyond which float32 has no number.
inline Vec exp(const Vec& x_any) {
  constexpr float kLow = -87.0F, kHigh = 88.0F, kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;  // their sum is log 2
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: what is added to it is rounded to an integer
  const Vec x = x_any < kLow ? Vec{} + kLow : x_any > kHigh ? Vec{} + kHigh : x_any;
  const Vec n = (x * kLog2E + kRound) - kRound;
  const Vec r = x - n * kLn2High - n * kLn2Low;
  // The Taylor polynomial of degree 7; |r| is at most log(2) / 2.
  Vec p = r * (1.0F / 5040) + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const Integers power = (__builtin_convertvector(n, Integers) + 127) << 23;
  Vec scale;
  std::memcpy(&scale, &power, sizeof(scale));
  const Vec result = p * scale;
  return x_any == x_any ? result : x_any;  // NaN stays NaN
}

inline Vec sigmoid(const Vec& x) { return 1.0F / (1.0F + exp(-x)); }

}  // namespace dgl::ops
