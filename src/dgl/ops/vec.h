#pragma once

#include <c10/util/BFloat16.h>

#include <bit>
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

/// Two bfloat16 numbers, the first in the lower half, whose products with those of another pair are added.
struct __attribute__((may_alias)) HalfPair {
  uint32_t both;
};

/// Loads the pairs of a register's lanes.
inline Words load(const HalfPair* p) {
  Words lanes;
  std::memcpy(&lanes, p, sizeof(lanes));
  return lanes;
}

/// Adds the products of a pair with those of each lane to `sum` (float32), if kHalfProducts. Denormal numbers count as
/// zero.
#if defined(__AVX512BF16__) && defined(__AVX512F__)
constexpr bool kHalfProducts = true;
inline void add_products(Vec& sum, HalfPair factor, const Words& lanes) {
  const __m512i all = _mm512_set1_epi32(static_cast<int>(factor.both));
  __m512i pairs;
  std::memcpy(&pairs, &lanes, sizeof(pairs));
  __m512 total;
  std::memcpy(&total, &sum, sizeof(total));
  total = _mm512_dpbf16_ps(total, std::bit_cast<__m512bh>(all), std::bit_cast<__m512bh>(pairs));
  std::memcpy(static_cast<void*>(&sum), &total, sizeof(total));
}
#else
constexpr bool kHalfProducts = false;
inline void add_products(Vec&, HalfPair, const Words&) {}
#endif
inline void add_products(Vec& sum, float factor, const Vec& lanes) { sum += factor * lanes; }

/// The numbers of a register, rounded as by store(), in the lower halves of words.
inline Words rounded_words(const Vec& v) {
  c10::BFloat16 halves[kVecSize];
  store(halves, v);
  return __builtin_convertvector(*reinterpret_cast<const HalfWords*>(halves), Words);
}

/// Stores each lane's pair of numbers, rounded; or the first, with zero; or the second, where there is a first.
inline void store_pairs(HalfPair* p, const Vec& first, const Vec& second) {
  const Words words = rounded_words(first) | (rounded_words(second) << 16);
  std::memcpy(static_cast<void*>(p), &words, sizeof(words));
}
inline void store_first(HalfPair* p, const Vec& v) {
  const Words words = rounded_words(v);
  std::memcpy(static_cast<void*>(p), &words, sizeof(words));
}
inline void store_second(HalfPair* p, const Vec& v) {
  const Words words = load(p) | (rounded_words(v) << 16);
  std::memcpy(static_cast<void*>(p), &words, sizeof(words));
}

}  // namespace dgl::ops
