#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>
#include <cstring>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace dgl::ops {

// Vector registers that hold adjacent channels, for the kernels of this library.
#if defined(__AVX512F__)
constexpr int64_t kVecSize = 16;
#elif defined(__AVX2__)
constexpr int64_t kVecSize = 8;
#else
constexpr int64_t kVecSize = 4;
#endif

/// A register of float32 numbers. It may be at any address.
typedef float Vec __attribute__((vector_size(kVecSize * sizeof(float)), aligned(sizeof(float)), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const Vec*>(p); }
inline void store(float* p, const Vec& v) { *reinterpret_cast<Vec*>(p) = v; }

typedef uint16_t HalfWords __attribute__((vector_size(kVecSize * 2), aligned(2), may_alias));
typedef uint32_t Words __attribute__((vector_size(kVecSize * 4)));

/// Loads bfloat16 numbers, which are the upper halves of float32 numbers.
inline Vec load(const c10::BFloat16* p) {
  const Words wide = __builtin_convertvector(*reinterpret_cast<const HalfWords*>(p), Words) << 16;
  Vec v;
  std::memcpy(&v, &wide, sizeof(v));
  return v;
}

/// Stores numbers rounded to the nearest, ties to even.
inline void store(c10::BFloat16* p, const Vec& v) {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
  __m512 wide;
  std::memcpy(&wide, &v, sizeof(wide));
  const __m256bh narrow = _mm512_cvtneps_pbh(wide);
  std::memcpy(static_cast<void*>(p), &narrow, sizeof(narrow));
#else
  Words wide;
  std::memcpy(&wide, &v, sizeof(wide));
  wide += 0x7fff + ((wide >> 16) & 1);
  *reinterpret_cast<HalfWords*>(p) = __builtin_convertvector(wide >> 16, HalfWords);
#endif
}

}  // namespace dgl::ops
