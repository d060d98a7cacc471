#pragma once

#include <torch/types.h>

#include <bit>
#include <cstdint>

#include "dgl/ops/gpu/launch.h"

namespace dgl::ops {

// The element types that the kernels of this library support. Private to this library.

/// The type in which numbers of type T are computed: float for bfloat16.
template <class T>
struct Real {
  using type = T;
};
template <>
struct Real<at::BFloat16> {
  using type = float;
};
template <class T>
using real_t = typename Real<T>::type;

inline float to_float(float v) { return v; }
inline double to_float(double v) { return v; }
inline float to_float(at::BFloat16 v) { return std::bit_cast<float>(static_cast<uint32_t>(v.x) << 16); }

/// Rounds to the nearest, ties to even. Has no branch, so that the compiler can vectorize loops over it.
template <class T>
inline T from_float(real_t<T> v) {
  if constexpr (std::is_same_v<T, at::BFloat16>) {
    const auto word = std::bit_cast<uint32_t>(v);
    return at::BFloat16(static_cast<uint16_t>((word + 0x7fff + ((word >> 16) & 1)) >> 16), at::BFloat16::from_bits());
  } else {
    return v;
  }
}

/// Calls f with a number of the tensor's element type: float, double or bfloat16.
template <class F>
void dispatch(const torch::Tensor& t, const F& f) {
  if (t.scalar_type() == torch::kFloat) return f(float());
  if (t.scalar_type() == torch::kDouble) return f(double());
  f(at::BFloat16());
}

/// Returns true if the kernels on vector registers (ops/vec.h) support tensors like `t`: on the CPU, float32 or
/// bfloat16.
inline bool vec_supports(const torch::Tensor& t) {
  return t.device().is_cpu() && !gpu::emulated() &&
         (t.scalar_type() == torch::kFloat || t.scalar_type() == torch::kBFloat16);
}

/// Calls f with a number of the tensor's element type, float or bfloat16.
template <class F>
void dispatch_vec(const torch::Tensor& t, const F& f) {
  t.scalar_type() == torch::kBFloat16 ? f(at::BFloat16()) : f(float());
}

}  // namespace dgl::ops
