#include "dgl/ops/norm_relu.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <utility>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/image_ranges.h"
#include "dgl/ops/recompute.h"
#include "dgl/ops/vec.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

Tensor as_image(const Tensor& t) { return t.view({-1, t.size(-1), 1, 1}); }

/// Computes the layer by libtorch's operations. Updates the stored statistics if `store`.
Tensor norm_relu_composition(const Tensor& x, const Tensor& shift, const Tensor& gain, const Tensor& bias,
                             const NormStatistics& s, bool upsample, bool store) {
  const Tensor wide = to_float32(x);
  const Tensor v = shift.defined() ? wide + as_image(shift) : wide;
  const bool batch = s.momentum > 0, stored = store || !batch;
  const Tensor y = at::batch_norm(v, {}, {}, stored ? s.mean : Tensor(), stored ? s.var : Tensor(), batch, s.momentum,
                                  s.epsilon, false);
  const Tensor z = at::relu(at::addcmul(as_image(bias), y, as_image(gain)));
  return (upsample ? upsample_nearest(z, 2 * x.size(2), 2 * x.size(3)) : z).to(x.scalar_type());
}

/// Returns the sums of x - origin and of its square, [N, pieces, C] each.
std::pair<Tensor, Tensor> centered_sums(const Tensor& x, const Tensor& origin) {
  if (gpu::runs(x)) {
    const auto [of_images, of_squares] = gpu::norm_statistics(x, origin.unsqueeze(0));
    return {of_images.unsqueeze(1), of_squares.unsqueeze(1)};
  }
  const ImageRanges runs(x);
  const Tensor sums = runs.sums(x), squares = runs.sums(x);
  const int64_t channels = runs.channels;
  const float* o = origin.data_ptr<float>();
  float *sum = sums.data_ptr<float>(), *square = squares.data_ptr<float>();
  dispatch_vec(x, [&](auto type) {
    const auto* in = x.data_ptr<decltype(type)>();
    runs.for_each([=](int64_t run, int64_t, int64_t first, int64_t last) {
      for (int64_t c = 0; c < channels; c += kVecSize) {
        const Vec zero = load(o + c);
        Vec total{}, total_square{};
        for (int64_t i = first; i < last; ++i) {
          const Vec d = load(in + i * channels + c) - zero;
          total += d;
          total_square += d * d;
        }
        store(sum + run * channels + c, total);
        store(square + run * channels + c, total_square);
      }
    });
  });
  return {sums, squares};
}

/// Returns the mean and biased variance [C] of x over images and pixels, in one sweep. Sums are of differences to the
/// first pixel, so that a mean far from 0 costs no precision.
std::pair<Tensor, Tensor> batch_statistics(const Tensor& x) {
  const Tensor origin = x.select(0, 0).select(1, 0).select(1, 0).to(torch::kFloat).contiguous();
  const auto [sums, squares] = centered_sums(x, origin);
  const auto count = static_cast<double>(x.numel() / x.size(1));
  const Tensor mean = sums.sum(at::IntArrayRef{0, 1}, false, torch::kDouble) / count;
  const Tensor var = (squares.sum(at::IntArrayRef{0, 1}, false, torch::kDouble) / count - mean.square()).clamp_min(0);
  return {(mean + origin).to(torch::kFloat), var.to(torch::kFloat)};
}

/// The places of a pixel's result: one, or four if the result is upsampled.
template <bool Upsample>
struct Places {
  explicit Places(const Tensor& x) : width(x.size(3)), channels(x.size(1)) {}
  /// Returns the offset of the first place of pixel `i` of the batch. If upsampled, a row of pixels fills two rows of
  /// the result.
  int64_t first(int64_t i) const { return (Upsample ? i / width * 4 * width + i % width * 2 : i) * channels; }
  int64_t width, channels;

  template <class T>
  void put(T* to, const Vec& v) const {
    store(to, v);
    if constexpr (Upsample) {
      store(to + channels, v);
      store(to + 2 * width * channels, v);
      store(to + (2 * width + 1) * channels, v);
    }
  }
  template <class T>
  Vec sum(const T* from) const {
    if constexpr (!Upsample) return load(from);
    const T* below = from + 2 * width * channels;
    return load(from) + load(from + channels) + load(below) + load(below + channels);
  }
};

/// Calls f with a number of x's element type and the places of its results.
template <class F>
void with_places(const Tensor& x, bool upsample, const F& f) {
  dispatch_vec(x, [&](auto type) { upsample ? f(type, Places<true>(x)) : f(type, Places<false>(x)); });
}

/// The affine map a (x - mean) + b before ReLU, with mean [C], a and b [N, C]. Products with x itself would cancel if
/// the mean is far from 0.
struct BatchAffine {
  Tensor mean, a, b;

  /// The map of one image.
  struct Row {
    const float *mean, *a, *b;
    Vec centered(const Vec& x, int64_t c) const { return x - load(mean + c); }
    Vec apply(const Vec& centered, int64_t c) const { return centered * load(a + c) + load(b + c); }
  };
  Row of(int64_t image) const {
    const int64_t first = image * mean.size(0);
    return {mean.data_ptr<float>(), a.data_ptr<float>() + first, b.data_ptr<float>() + first};
  }
};

/// The map for a GPU's kernels.
gpu::NormMap gpu_map(const BatchAffine& affine, bool upsample) {
  return {affine.mean.unsqueeze(0), affine.a, affine.b, NormActivation::relu, upsample};
}

Tensor affine_relu(const Tensor& x, const BatchAffine& affine, bool upsample) {
  if (gpu::runs(x)) return gpu::norm_apply(x, gpu_map(affine, upsample));
  const ImageRanges runs(x);
  const int64_t channels = runs.channels, scale = upsample ? 2 : 1;
  Tensor y = at::empty({x.size(0), channels, scale * x.size(2), scale * x.size(3)},
                       x.options().memory_format(at::MemoryFormat::ChannelsLast));
  with_places(x, upsample, [&](auto type, auto places) {
    using T = decltype(type);
    const T* in = x.data_ptr<T>();
    T* out = y.data_ptr<T>();
    runs.for_each([=, &affine](int64_t, int64_t image, int64_t first, int64_t last) {
      const BatchAffine::Row row = affine.of(image);
      for (int64_t i = first; i < last; ++i) {
        T* to = out + places.first(i);
        for (int64_t c = 0; c < channels; c += kVecSize) {
          const Vec v = row.apply(row.centered(load(in + i * channels + c), c), c);
          places.put(to + c, v < 0 ? Vec{} : v);  // propagates NaN
        }
      }
    });
  });
  return y;
}

/// Returns the sums over pixels of dt and of dt (x - mean), each [N, C]. dt is dy if the affine map is above 0, else 0.
std::pair<Tensor, Tensor> batch_gradient_sums(const Tensor& dy, const Tensor& x, const BatchAffine& affine,
                                              bool upsample) {
  if (gpu::runs(x)) return gpu::norm_gradient_sums(dy, x, gpu_map(affine, upsample));
  const ImageRanges runs(x);
  const int64_t channels = runs.channels;
  const Tensor sums = runs.sums(x), dots = runs.sums(x);
  float *sum = sums.data_ptr<float>(), *dot = dots.data_ptr<float>();
  with_places(x, upsample, [&](auto type, auto places) {
    using T = decltype(type);
    const T *in = x.data_ptr<T>(), *d = dy.data_ptr<T>();
    runs.for_each([=, &affine](int64_t run, int64_t image, int64_t first, int64_t last) {
      const BatchAffine::Row row = affine.of(image);
      float *total = sum + run * channels, *total_dot = dot + run * channels;
      for (int64_t i = first; i < last; ++i) {
        const T* from = d + places.first(i);
        for (int64_t c = 0; c < channels; c += kVecSize) {
          const Vec v = row.centered(load(in + i * channels + c), c);
          const Vec dt = row.apply(v, c) > 0 ? places.sum(from + c) : Vec{};
          store(total + c, load(total + c) + dt);
          store(total_dot + c, load(total_dot + c) + dt * v);
        }
      }
    });
  });
  return {ImageRanges::total(sums), ImageRanges::total(dots)};
}

/// Returns a dt + p (x - mean) + q, with p and q [C].
Tensor batch_input_gradient(const Tensor& dy, const Tensor& x, const BatchAffine& affine, const Tensor& p,
                            const Tensor& q, bool upsample) {
  if (gpu::runs(x)) {
    return gpu::norm_input_gradient(dy, x, gpu_map(affine, upsample), p.unsqueeze(0), q.unsqueeze(0));
  }
  const ImageRanges runs(x);
  const int64_t channels = runs.channels;
  Tensor dx = at::empty_like(x);
  const float *pp = p.data_ptr<float>(), *qp = q.data_ptr<float>();
  with_places(x, upsample, [&](auto type, auto places) {
    using T = decltype(type);
    const T *in = x.data_ptr<T>(), *d = dy.data_ptr<T>();
    T* to = dx.data_ptr<T>();
    runs.for_each([=, &affine](int64_t, int64_t image, int64_t first, int64_t last) {
      const BatchAffine::Row row = affine.of(image);
      for (int64_t i = first; i < last; ++i) {
        const T* from = d + places.first(i);
        for (int64_t c = 0; c < channels; c += kVecSize) {
          const Vec v = row.centered(load(in + i * channels + c), c);
          const Vec dt = row.apply(v, c) > 0 ? places.sum(from + c) : Vec{};
          store(to + i * channels + c, dt * load(row.a + c) + v * load(pp + c) + load(qp + c));
        }
      }
    });
  });
  return dx;
}

struct NormReluLayer : Function<NormReluLayer> {
  enum { kX, kShift, kGain, kBias, kMean, kVar, kScale, kOffset };  // the first four take gradients

  static Tensor forward(AutogradContext* context, const Tensor& x_any, const Tensor& shift, const Tensor& gain,
                        const Tensor& bias, Tensor stored_mean, Tensor stored_var, double momentum, double epsilon,
                        bool upsample) {
    const Tensor x = working_layout(x_any), offset = unwrap_undefined(shift);
    // Statistics of x without the shift.
    Tensor mean, var;
    if (momentum > 0) {
      std::tie(mean, var) = batch_statistics(x);
      const auto count = static_cast<double>(x.numel() / x.size(1));
      stored_mean.lerp_(offset.defined() ? mean + offset : mean, momentum);
      stored_var.lerp_(var * (count / std::max(1.0, count - 1)), momentum);
    } else {
      mean = offset.defined() ? stored_mean - offset : stored_mean.clone();
      var = stored_var.clone();
    }
    const Tensor a = (gain * (var + epsilon).rsqrt()).expand({x.size(0), -1}).contiguous();
    const Tensor b = bias.expand({x.size(0), -1}).contiguous();
    mean = mean.contiguous();
    context->save_for_backward({x_any, shift, gain, bias, mean, var, a, b});
    context->saved_data["momentum"] = momentum;
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["upsample"] = upsample;
    return affine_relu(x, {mean, a, b}, upsample);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const NormStatistics s{saved[kMean], saved[kVar], context->saved_data["momentum"].toDouble(),
                           context->saved_data["epsilon"].toDouble()};
    const bool upsample = context->saved_data["upsample"].toBool();
    std::array<bool, kMean> needs;
    for (size_t i = 0; i < kMean; ++i) needs[i] = saved[i].numel() > 0 && context->needs_input_grad(i);
    return torch::GradMode::is_enabled() ? differentiable_backward(saved, needs, gradients[0], s, upsample)
                                         : fast_backward(saved, needs, gradients[0], s, upsample);
  }

 private:
  static variable_list fast_backward(const variable_list& saved, const std::array<bool, kMean>& needs,
                                     const Tensor& dy_any, const NormStatistics& s, bool upsample) {
    const Tensor &gain = saved[kGain], &a = saved[kScale];
    const BatchAffine affine{s.mean, a, saved[kOffset]};
    const Tensor x = working_layout(saved[kX]), dy = working_layout(dy_any), inverse = (s.var + s.epsilon).rsqrt();
    const auto [sum, dot] = batch_gradient_sums(dy, x, affine, upsample);
    const Tensor dgain = dot * inverse;
    const bool batch = s.momentum > 0;
    const auto count = static_cast<double>(x.numel() / x.size(1));
    const auto summed = [&](const Tensor& t) { return gain.size(0) == 1 ? t.sum(0, /*keepdim=*/true) : t; };
    variable_list result(9);
    if (needs[kGain]) result[kGain] = summed(dgain);
    if (needs[kBias]) result[kBias] = summed(sum);
    if (needs[kShift]) result[kShift] = batch ? at::zeros_like(saved[kShift]) : (a * sum).sum(0);
    if (needs[kX]) {
      Tensor p = at::zeros_like(s.mean), q = p;
      if (batch) {
        p = inverse.square() * (gain * dgain).sum(0) / -count;
        q = inverse * (gain * sum).sum(0) / -count;
      }
      result[kX] = batch_input_gradient(dy, x, affine, p.contiguous(), q.contiguous(), upsample);
    }
    return result;
  }

  /// Computes gradients that can be differentiated again, by running the composition again.
  static variable_list differentiable_backward(const variable_list& saved, const std::array<bool, kMean>& needs,
                                               const Tensor& dy, NormStatistics s, bool upsample) {
    const Tensor shift = unwrap_undefined(saved[kShift]);
    if (shift.defined()) s.mean = s.mean + shift.detach();
    return recomputed_gradients(saved, needs, dy, 9, [&](const variable_list& in) {
      return norm_relu_composition(in[kX], unwrap_undefined(in[kShift]), in[kGain], in[kBias], s, upsample,
                                   /*store=*/false);
    });
  }
};

}  // namespace

Tensor norm_relu(const Tensor& x, const Tensor& shift, const Tensor& gain, const Tensor& bias, const NormStatistics& s,
                 bool upsample) {
  const bool fast = !use_reference() && (gpu::runs(x) || (vec_supports(x) && x.size(1) % kVecSize == 0));
  if (!fast) return norm_relu_composition(x, shift, gain, bias, s, upsample, /*store=*/true);
  return NormReluLayer::apply(x, wrap_undefined(shift), gain, bias, s.mean, s.var, s.momentum, s.epsilon, upsample);
}

}  // namespace dgl::ops
