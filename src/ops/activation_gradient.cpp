#include "ops/activation_gradient.h"

#include <ATen/Parallel.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/lanes.h"

namespace dgl::ops {

using torch::Tensor;

namespace {

template <class T>
void gradient_rows(const T* dy, const T* y, const float* noise, const float* scale, int64_t first, int64_t last,
                   int64_t channels, Activation a, bool want_dot, T* dx, float* sum, float* dot_t, float* dot_z) {
  const auto gain = static_cast<float>(a.gain), negative = static_cast<float>(a.gain * a.alpha);
  const auto inverse = static_cast<float>(1 / a.gain), inverse_negative = static_cast<float>(1 / (a.gain * a.alpha));
  for (int64_t c = 0; c < channels; c += kLanes) {
    const Lanes factor = scale ? load(scale + c) : Lanes{} + 1.0f;
    Lanes total{}, total_t{}, total_z{};
    for (int64_t i = first; i < last; ++i) {
      const Lanes out = load(y + i * channels + c);
      const Lanes d = load(dy + i * channels + c) * (out > 0 ? Lanes{} + gain : Lanes{} + negative);
      store(dx + i * channels + c, d * factor);
      total += d;
      if (want_dot) total_t += d * out * (out > 0 ? Lanes{} + inverse : Lanes{} + inverse_negative);
      if (noise) total_z += d * noise[i];
    }
    store(sum + c, total);
    if (want_dot) store(dot_t + c, total_t);
    if (noise) store(dot_z + c, total_z);
  }
}

}  // namespace

bool activation_gradient_serves(const Tensor& y) {
  return y.device().is_cpu() && y.dim() == 4 && y.size(1) % kLanes == 0 &&
         (y.scalar_type() == torch::kFloat || y.scalar_type() == torch::kBFloat16);
}

ActivationGradient activation_gradient(const Tensor& dy_any, const Tensor& y, const Tensor& noise_any,
                                       const Tensor& scale_any, bool want_dot, Activation a) {
  const auto plain = [](const Tensor& t) { return t.defined() ? t.contiguous() : t; };
  const Tensor dy = working_layout(dy_any), noise = plain(noise_any), scale = plain(scale_any);
  const int64_t n = y.size(0), channels = y.size(1), pixels = y.size(2) * y.size(3);
  // Pieces of an image, so that few images keep many threads busy; a row of sums each.
  const int64_t pieces = std::min<int64_t>(pixels, std::max<int64_t>(1, at::get_num_threads() / n));
  const auto sums = [&] { return at::empty({n, pieces, channels}, y.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous)); };
  ActivationGradient result{at::empty_like(y), sums(), want_dot ? sums() : Tensor(), noise.defined() ? sums() : Tensor()};
  const auto run = [&](auto type) {
    using T = decltype(type);
    const auto pointer = [](const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; };
    const T *in = dy.data_ptr<T>(), *out = y.data_ptr<T>();
    T* to = result.dx.data_ptr<T>();
    float *sum = pointer(result.sum), *dot_t = pointer(result.dot_t), *dot_z = pointer(result.dot_z);
    const float *z = pointer(noise), *scales = pointer(scale);
    const bool one_noise = noise.defined() && noise.size(0) == 1;
    parallel_for(0, n * pieces, 1, [=](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const int64_t image = i / pieces, piece = i % pieces, start = image * pixels, row = i * channels;
        const float* of_image = z ? z + (one_noise ? 0 : start) - start : nullptr;
        gradient_rows(in, out, of_image, scales ? scales + image * channels : nullptr, start + piece * pixels / pieces,
                      start + (piece + 1) * pixels / pieces, channels, a, want_dot, to, sum + row,
                      want_dot ? dot_t + row : nullptr, z ? dot_z + row : nullptr);
      }
    });
  };
  y.scalar_type() == torch::kBFloat16 ? run(at::BFloat16()) : run(float());
  for (Tensor* t : {&result.sum, &result.dot_t, &result.dot_z}) {
    if (t->defined()) *t = pieces == 1 ? t->squeeze(1) : t->sum(1);
  }
  return result;
}

Tensor scale_gradient(const ActivationGradient& g, const Tensor& scale, const Tensor& bias, const Tensor& strength) {
  Tensor sum = g.dot_t - bias * g.sum;
  if (g.dot_z.defined()) sum = sum - strength * g.dot_z;
  return sum / scale;
}

}  // namespace dgl::ops
