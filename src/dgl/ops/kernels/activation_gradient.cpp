#include "dgl/ops/activation_gradient.h"

#include <cstdint>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/image_ranges.h"
#include "dgl/ops/vec.h"

namespace dgl::ops {

using torch::Tensor;

namespace {

template <class T>
void gradient_rows(const T* dy, const T* y, const float* noise, const float* scale, int64_t first, int64_t last,
                   int64_t channels, Activation a, bool want_dot, T* dx, float* sum, float* dot_t, float* dot_z) {
  const auto gain = static_cast<float>(a.gain), negative = static_cast<float>(a.gain * a.alpha);
  const auto inverse = static_cast<float>(1 / a.gain), inverse_negative = static_cast<float>(1 / (a.gain * a.alpha));
  for (int64_t c = 0; c < channels; c += kVecSize) {
    const Vec factor = scale ? load(scale + c) : Vec{} + 1.0f;
    Vec total{}, total_t{}, total_z{};
    for (int64_t i = first; i < last; ++i) {
      const Vec out = load(y + i * channels + c);
      const Vec d = load(dy + i * channels + c) * (out > 0 ? Vec{} + gain : Vec{} + negative);
      store(dx + i * channels + c, d * factor);
      total += d;
      if (want_dot) total_t += d * out * (out > 0 ? Vec{} + inverse : Vec{} + inverse_negative);
      if (noise) total_z += d * noise[i];
    }
    store(sum + c, total);
    if (want_dot) store(dot_t + c, total_t);
    if (noise) store(dot_z + c, total_z);
  }
}

}  // namespace

bool activation_gradient_supports(const Tensor& y) {
  return y.dim() == 4 && (gpu::runs(y) || (vec_supports(y) && y.size(1) % kVecSize == 0));
}

ActivationGradient activation_gradient(const Tensor& dy_any, const Tensor& y, const Tensor& noise_any,
                                       const Tensor& scale_any, bool want_dot, Activation a) {
  if (gpu::runs(y)) return gpu::act_gradient(dy_any, y, noise_any, scale_any, want_dot, a);
  const Tensor dy = working_layout(dy_any), noise = contiguous_or_undefined(noise_any),
               scale = contiguous_or_undefined(scale_any);
  const ImageRanges runs(y);
  ActivationGradient result{at::empty_like(y), runs.sums(y), want_dot ? runs.sums(y) : Tensor(),
                            noise.defined() ? runs.sums(y) : Tensor()};
  dispatch_vec(y, [&](auto type) {
    using T = decltype(type);
    const auto pointer = [](const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; };
    const T *in = dy.data_ptr<T>(), *out = y.data_ptr<T>();
    T* to = result.dx.data_ptr<T>();
    float *sum = pointer(result.sum), *dot_t = pointer(result.dot_t), *dot_z = pointer(result.dot_z);
    const float *z = pointer(noise), *scales = pointer(scale);
    const bool one_noise = noise.defined() && noise.size(0) == 1;
    const int64_t channels = runs.channels, pixels = runs.pixels;
    runs.for_each([=](int64_t run, int64_t image, int64_t first, int64_t last) {
      const int64_t row = run * channels;
      const float* of_image = z ? z - (one_noise ? image * pixels : 0) : nullptr;
      gradient_rows(in, out, of_image, scales ? scales + image * channels : nullptr, first, last, channels, a, want_dot,
                    to, sum + row, want_dot ? dot_t + row : nullptr, z ? dot_z + row : nullptr);
    });
  });
  for (Tensor* t : {&result.sum, &result.dot_t, &result.dot_z}) {
    if (t->defined()) *t = ImageRanges::total(*t);
  }
  return result;
}

Tensor scale_gradient(const ActivationGradient& g, const Tensor& scale, const Tensor& bias, const Tensor& strength) {
  Tensor sum = g.dot_t - bias * g.sum;
  if (g.dot_z.defined()) sum = sum - strength * g.dot_z;
  return sum / scale;
}

}  // namespace dgl::ops
