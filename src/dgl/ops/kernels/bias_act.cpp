#include "dgl/ops/bias_act.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/activation_gradient.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/modulate.h"
#include "dgl/ops/saved_resample.h"
#include "dgl/ops/upfirdn2d_lines.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Computes y = act(x * scale + z + b) * gain row by row, with z = `strength` times the row's own noise. `scale` and
/// `noise` may be null. `rows_each` rows share a scale.
template <class T, class S>
void forward_rows(const T* x, const S* scale, int64_t rows_each, const S* bias, const S* noise, S strength,
                  int64_t noise_rows, int64_t first, int64_t last, int64_t channels, S alpha, S gain, T* y) {
  for (int64_t i = first; i < last; ++i) {
    const T* __restrict in = x + i * channels;
    const S* __restrict b = bias;
    T* __restrict out = y + i * channels;
    const S z = noise ? noise[i % noise_rows] * strength : S(0);
    if (scale) {
      const S* __restrict s = scale + i / rows_each * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const S v = to_float(in[c]) * s[c] + b[c] + z;
        out[c] = from_float<T>(std::max(v, v * alpha) * gain);
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) {
        const S v = to_float(in[c]) + b[c] + z;
        out[c] = from_float<T>(std::max(v, v * alpha) * gain);
      }
    }
  }
}

/// Of upfirdn2d(x, *r) if `r` is given.
Tensor forward_fast(const Tensor& x_any, const Resample* r, const Tensor& scale_any, const Tensor& bias,
                    const Tensor& noise, const Tensor& strength, Activation a) {
  if (gpu::runs(x_any)) return gpu::act(r ? upfirdn2d(x_any, *r) : x_any, scale_any, bias, noise, strength, a);
  const Tensor x = working_layout(x_any), b = bias.contiguous(), z = contiguous_or_undefined(noise),
               scale = contiguous_or_undefined(scale_any);
  Tensor y = r ? at::empty(upfirdn2d_sizes(x, *r), x.options().memory_format(at::MemoryFormat::ChannelsLast))
               : at::empty_like(x);
  const int64_t channels = y.size(1), rows = y.numel() / channels, rows_each = std::max<int64_t>(1, rows / y.size(0));
  dispatch(x, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const auto pointer = [](const Tensor& t) { return t.defined() ? t.data_ptr<S>() : nullptr; };
    const T* in = x.data_ptr<T>();
    const S *bp = pointer(b), *np = pointer(z), *sp = pointer(scale);
    const S s = z.defined() ? strength.item<S>() : S(0);
    const int64_t noise_rows = z.defined() ? z.numel() : 1;
    const auto alpha = static_cast<S>(a.alpha), gain = static_cast<S>(a.gain);
    T* out = y.data_ptr<T>();
    if (r) {
      const int64_t width = y.size(3);
      upfirdn2d_lines(x, *r, [=](int64_t first, const void* line) {
        const int64_t image = first / rows_each;
        forward_rows(static_cast<const T*>(line), sp ? sp + image * channels : nullptr, rows_each, bp,
                     np ? np + first % noise_rows : nullptr, s, noise_rows, 0, width, channels, alpha, gain,
                     out + first * channels);
      });
      return;
    }
    parallel_for(0, rows, 1 + 16384 / channels, [=](int64_t first, int64_t last) {
      forward_rows(in, sp, rows_each, bp, np, s, noise_rows, first, last, channels, alpha, gain, out);
    });
  });
  return y;
}

/// Returns g * act'(y), which is g * gain if y > 0 and g * alpha * gain otherwise. Since gain > 0, the sign of y is the
/// sign before the gain.
Tensor gradient_fast(const Tensor& g_any, const Tensor& y, Activation a) {
  if (gpu::runs(y)) return gpu::act_slope(g_any, y, a);
  const Tensor g = working_layout(g_any);
  Tensor out = at::empty_like(y);
  dispatch(y, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const T *gp = g.data_ptr<T>(), *yp = y.data_ptr<T>();
    T* op = out.data_ptr<T>();
    const auto positive = static_cast<S>(a.gain), negative = static_cast<S>(a.gain * a.alpha);
    parallel_for(0, y.numel(), 16384, [=](int64_t first, int64_t last) {
      const T* __restrict gi = gp, * __restrict yi = yp;
      T* __restrict oi = op;
      for (int64_t i = first; i < last; ++i)
        oi[i] = from_float<T>(to_float(gi[i]) * (to_float(yi[i]) > 0 ? positive : negative));
    });
  });
  return out;
}

void save_activation(AutogradContext* context, Activation a) {
  context->saved_data["alpha"] = a.alpha;
  context->saved_data["gain"] = a.gain;
}

Activation load_activation(AutogradContext* context) {
  return {context->saved_data["alpha"].toDouble(), context->saved_data["gain"].toDouble()};
}

/// Linear in g and piecewise constant in y, so that its derivative is itself.
struct Gradient : Function<Gradient> {
  static Tensor forward(AutogradContext* context, const Tensor& g, const Tensor& y, double alpha, double gain) {
    context->save_for_backward({y});
    save_activation(context, {alpha, gain});
    return gradient_fast(g, y, {alpha, gain});
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto a = load_activation(context);
    return {Gradient::apply(gradients[0], context->get_saved_variables()[0], a.alpha, a.gain), Tensor(), Tensor(),
            Tensor()};
  }
};

/// A layer's end, behind a resampling if there are taps.
struct Act : Function<Act> {
  enum { kX, kScale, kStrength, kBias, kNoise, kOutput };  // the first four take gradients; x is not kept

  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& scale, const Tensor& strength,
                        const Tensor& bias, const Tensor& noise, double alpha, double gain, std::vector<double> taps,
                        std::vector<int64_t> shape, double resample_gain) {
    const Resample r = SavedResample::of(std::move(taps), shape, resample_gain);
    const bool resamples = !r.taps.empty();
    Tensor y = forward_fast(x, resamples ? &r : nullptr, unwrap_undefined(scale), bias, unwrap_undefined(noise),
                            unwrap_undefined(strength), {alpha, gain});
    if (resamples) SavedResample{r, x.size(2), x.size(3)}.save(context);
    context->save_for_backward({Tensor(), scale, strength, bias, noise, y});
    save_activation(context, {alpha, gain});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    for (size_t i = kScale; i < kOutput; ++i) saved[i] = unwrap_undefined(saved[i]);
    const Activation a = load_activation(context);
    const Tensor &dy = gradients[0], &y = saved[kOutput], &scale = saved[kScale], &noise = saved[kNoise];
    const auto needs = [&](size_t input) { return context->needs_input_grad(input); };
    const bool want_scale = scale.defined() && needs(kScale),
               fast = !torch::GradMode::is_enabled() && activation_gradient_supports(y);
    const ActivationGradient g = fast ? activation_gradient(dy, y, noise, scale, want_scale, a)
                                      : differentiable_gradient(dy, y, noise, scale, want_scale, a);
    variable_list result(10);
    if (needs(kX)) result[kX] = through_resampling(context, g.dx);
    if (needs(kBias)) result[kBias] = g.sum.sum(0);
    if (noise.defined() && needs(kStrength)) result[kStrength] = g.dot_z.sum();
    if (want_scale) result[kScale] = scale_gradient(g, scale, saved[kBias], saved[kStrength]);
    return result;
  }

 private:
  /// The gradient of what the layer takes, from that of what its end takes.
  static Tensor through_resampling(AutogradContext* context, const Tensor& dx) {
    const auto saved = SavedResample::load(context);
    return saved ? upfirdn2d_adjoint(dx, saved->resample, saved->height, saved->width) : dx;
  }

  /// Computes what activation_gradient() does, by operations that can be differentiated again. Takes every type and
  /// shape.
  static ActivationGradient differentiable_gradient(const Tensor& dy, const Tensor& y, const Tensor& noise,
                                                    const Tensor& scale, bool want_dot, Activation a) {
    const auto real = dy.scalar_type() == torch::kBFloat16 ? torch::kFloat : dy.scalar_type();
    const Tensor dt = Gradient::apply(dy, y.detach(), a.alpha, a.gain);
    ActivationGradient g{scale.defined() ? channel_scale(dt, scale) : dt, {}, {}, {}};
    g.sum = dt.dim() == 4 ? dt.sum({2, 3}, /*keepdim=*/false, real) : dt;
    // t is the inverse of the activation, applied to y. It is linear in y on each side of 0.
    if (want_dot) g.dot_t = channel_dot(dt, Gradient::apply(y, y.detach(), 1 / a.alpha, 1 / a.gain));
    if (noise.defined()) g.dot_z = (dt * noise).sum({2, 3}, /*keepdim=*/false, real);
    return g;
  }
};

Tensor apply_act(const Tensor& x, const Resample& r, const Tensor& scale, const Tensor& noise, const Tensor& strength,
                 const Tensor& bias, Activation a) {
  return Act::apply(x, wrap_undefined(scale), wrap_undefined(strength), bias, wrap_undefined(noise), a.alpha, a.gain,
                    r.taps, SavedResample::shape(r), r.gain);
}

Tensor reference_bias_act(const Tensor& x, const Tensor& bias, Activation a) {
  const Tensor b = bias.to(x.scalar_type());
  return at::leaky_relu(x + (x.dim() == 4 ? b.view({1, -1, 1, 1}) : b), a.alpha) * a.gain;
}

}  // namespace

Tensor bias_act(const Tensor& x, const Tensor& bias, Activation a) {
  if (use_reference() || !has_fast_kernel(x)) return reference_bias_act(x, bias, a);
  return apply_act(x, {}, {}, {}, {}, bias, a);
}

Tensor noise_bias_act(const Tensor& x, const Tensor& noise, const Tensor& strength, const Tensor& bias, Activation a) {
  return scale_noise_bias_act(x, {}, noise, strength, bias, a);
}

Tensor scale_noise_bias_act(const Tensor& x, const Tensor& scale, const Tensor& noise, const Tensor& strength,
                            const Tensor& bias, Activation a) {
  if (use_reference() || !has_fast_kernel(x)) {
    const Tensor scaled = scale.defined() ? channel_scale(x, scale) : x;
    return reference_bias_act(scaled + (noise * strength).to(x.scalar_type()), bias, a);
  }
  // The scale's gradient is a difference. Its own derivatives are faster and more exact if the scale is applied
  // separately.
  if (scale.defined() && TwiceDifferentiable::wanted()) {
    return scale_noise_bias_act(channel_scale(x, scale), {}, noise, strength, bias, a);
  }
  return apply_act(x, {}, scale, noise, strength, bias, a);
}

Tensor resample_scale_noise_bias_act(const Tensor& x, const Resample& r, const Tensor& scale, const Tensor& noise,
                                     const Tensor& strength, const Tensor& bias, Activation a) {
  if (use_reference() || !has_fast_kernel(x) || (scale.defined() && TwiceDifferentiable::wanted())) {
    return scale_noise_bias_act(upfirdn2d(x, r), scale, noise, strength, bias, a);
  }
  return apply_act(x, r, scale, noise, strength, bias, a);
}

}  // namespace dgl::ops
