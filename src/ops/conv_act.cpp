#include "ops/conv_act.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/conv2d.h"
#include "ops/lanes.h"
#include "ops/modulate.h"
#include "ops/winograd.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// With t the activation's input and y = act(t) * gain its output: dt = dy * act'(t), and sums of it over the pixels.
struct ActivationGradient {
  Tensor dt;     ///< [N, C, H, W]
  Tensor sum;    ///< [N, C]: of dt
  Tensor dot_t;  ///< [N, C]: of dt * t; undefined unless wanted
  Tensor dot_z;  ///< [N, C]: of dt * noise; undefined without noise
};

template <class T>
void activation_rows(const T* dy, const T* y, const float* noise, int64_t first, int64_t last, int64_t channels,
                     Activation a, bool want_dot, T* dt, float* sum, float* dot_t, float* dot_z) {
  const auto gain = static_cast<float>(a.gain), negative = static_cast<float>(a.gain * a.alpha);
  const auto inverse = static_cast<float>(1 / a.gain), inverse_negative = static_cast<float>(1 / (a.gain * a.alpha));
  for (int64_t c = 0; c < channels; c += kLanes) {
    Lanes total{}, total_t{}, total_z{};
    for (int64_t i = first; i < last; ++i) {
      const Lanes out = load(y + i * channels + c);
      const Lanes d = load(dy + i * channels + c) * (out > 0 ? Lanes{} + gain : Lanes{} + negative);
      store(dt + i * channels + c, d);
      total += d;
      if (want_dot) total_t += d * out * (out > 0 ? Lanes{} + inverse : Lanes{} + inverse_negative);
      if (noise) total_z += d * noise[i];
    }
    store(sum + c, total);
    if (want_dot) store(dot_t + c, total_t);
    if (noise) store(dot_z + c, total_z);
  }
}

ActivationGradient activation_gradient(const Tensor& dy_any, const Tensor& y, const Tensor& noise_any, bool want_dot,
                                       Activation a) {
  const Tensor dy = working_layout(dy_any), noise = noise_any.defined() ? noise_any.contiguous() : Tensor();
  const int64_t n = y.size(0), channels = y.size(1), pixels = y.size(2) * y.size(3);
  // Pieces of an image, so that few images keep many threads busy; a row of sums each.
  const int64_t pieces = std::min<int64_t>(pixels, std::max<int64_t>(1, at::get_num_threads() / n));
  const auto sums = [&] { return at::empty({n, pieces, channels}, y.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous)); };
  ActivationGradient result{at::empty_like(y), sums(), want_dot ? sums() : Tensor(), noise.defined() ? sums() : Tensor()};
  const auto run = [&](auto type) {
    using T = decltype(type);
    const auto pointer = [](const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; };
    const T *in = dy.data_ptr<T>(), *out = y.data_ptr<T>();
    T* to = result.dt.data_ptr<T>();
    float *sum = pointer(result.sum), *dot_t = pointer(result.dot_t), *dot_z = pointer(result.dot_z);
    const float* z = pointer(noise);
    const bool one_noise = noise.defined() && noise.size(0) == 1;
    parallel_for(0, n * pieces, 1, [=](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const int64_t image = i / pieces, piece = i % pieces, start = image * pixels, row = i * channels;
        const float* of_image = z ? z + (one_noise ? 0 : start) - start : nullptr;
        activation_rows(in, out, of_image, start + piece * pixels / pieces, start + (piece + 1) * pixels / pieces,
                        channels, a, want_dot, to, sum + row, dot_t + row, dot_z + row);
      }
    });
  };
  y.scalar_type() == torch::kBFloat16 ? run(at::BFloat16()) : run(float());
  for (Tensor* t : {&result.sum, &result.dot_t, &result.dot_z}) {
    if (t->defined()) *t = pieces == 1 ? t->squeeze(1) : t->sum(1);
  }
  return result;
}

/// The layer from operations of their own.
Tensor composition(const Tensor& x, const Tensor& w, const Tensor& styles, const Tensor& demodulation,
                   const Tensor& strength, const Tensor& bias, const Tensor& noise, Activation a) {
  Tensor y = conv2d(styles.defined() ? channel_scale(x, styles) : x, w, 1, 1);
  if (demodulation.defined()) y = channel_scale(y, demodulation);
  return noise.defined() ? noise_bias_act(y, noise, strength, bias, a) : bias_act(y, bias, a);
}

// Functions take no undefined tensors: one of no elements stands for it.
Tensor or_empty(const Tensor& t) { return t.defined() ? t : at::empty({0}); }
Tensor or_undefined(const Tensor& t) { return t.numel() == 0 ? Tensor() : t; }

struct Layer : Function<Layer> {
  enum { kX, kWeight, kStyles, kDemodulation, kStrength, kBias, kNoise, kOutput };  // the first six take gradients

  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w, const Tensor& styles,
                        const Tensor& demodulation, const Tensor& strength, const Tensor& bias, const Tensor& noise,
                        double alpha, double gain) {
    Tensor y = winograd_conv2d(x, w, or_undefined(styles), OutputStep{or_undefined(demodulation), or_undefined(noise),
                                                                      or_undefined(strength), bias, {alpha, gain}});
    context->save_for_backward({x, w, styles, demodulation, strength, bias, noise, y});
    context->saved_data["alpha"] = alpha;
    context->saved_data["gain"] = gain;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    for (size_t i = 0; i < kOutput; ++i) saved[i] = or_undefined(saved[i]);
    const Activation a{context->saved_data["alpha"].toDouble(), context->saved_data["gain"].toDouble()};
    std::array<bool, kNoise> needs;
    for (size_t i = 0; i < kNoise; ++i) needs[i] = saved[i].defined() && context->needs_input_grad(i);
    return torch::GradMode::is_enabled() ? differentiable_backward(saved, needs, gradients[0], a)
                                         : fast_backward(saved, needs, gradients[0], a);
  }

 private:
  static variable_list fast_backward(const variable_list& saved, const std::array<bool, kNoise>& needs,
                                     const Tensor& dy, Activation a) {
    const Tensor &x = saved[kX], &w = saved[kWeight], &styles = saved[kStyles], &demodulation = saved[kDemodulation];
    const ActivationGradient g = activation_gradient(dy, saved[kOutput], saved[kNoise], needs[kDemodulation], a);
    variable_list result(9);
    if (needs[kBias]) result[kBias] = g.sum.sum(0);
    if (needs[kStrength]) result[kStrength] = g.dot_z.sum();
    if (needs[kDemodulation]) {
      // With t = demodulation * u + strength * z + bias, the sum of dt * u follows from that of dt * t.
      Tensor sum = g.dot_t - saved[kBias] * g.sum;
      if (g.dot_z.defined()) sum = sum - saved[kStrength] * g.dot_z;
      result[kDemodulation] = sum / demodulation;
    }
    if (needs[kWeight]) result[kWeight] = winograd_weight_gradient(x, g.dt, styles, demodulation);
    if (needs[kX] || needs[kStyles]) {
      const Tensor dx = winograd_input_gradient(g.dt, w, demodulation);
      if (styles.defined()) {
        std::tie(result[kX], result[kStyles]) = scale_and_dot(dx, styles, x);
      } else {
        result[kX] = dx;
      }
    }
    return result;
  }

  /// Where the gradients are to be differentiated again: those of the composition, computed anew.
  static variable_list differentiable_backward(const variable_list& saved, const std::array<bool, kNoise>& needs,
                                               const Tensor& dy, Activation a) {
    const Tensor y = composition(saved[kX], saved[kWeight], saved[kStyles], saved[kDemodulation], saved[kStrength],
                                 saved[kBias], saved[kNoise], a);
    variable_list inputs;
    for (size_t i = 0; i < kNoise; ++i) {
      if (needs[i]) inputs.push_back(saved[i]);
    }
    const auto gradients = torch::autograd::grad({y}, inputs, {dy}, /*retain_graph=*/true, /*create_graph=*/true,
                                                 /*allow_unused=*/true);
    variable_list result(9);
    for (size_t i = 0, next = 0; i < kNoise; ++i) {
      if (needs[i]) result[i] = gradients[next++];
    }
    return result;
  }
};

Tensor layer(const Tensor& x, const Tensor& w, const Tensor& styles, const Tensor& demodulation, const Tensor& noise,
             const Tensor& strength, const Tensor& bias, Activation a) {
  if (use_reference() || TwiceDifferentiable::wanted() || !winograd_serves(x, w.size(1), w.size(0))) {
    return composition(x, w, styles, demodulation, strength, bias, noise, a);
  }
  return Layer::apply(x, w, or_empty(styles), or_empty(demodulation), or_empty(strength), bias, or_empty(noise), a.alpha,
                      a.gain);
}

}  // namespace

Tensor conv_act(const Tensor& x, const Tensor& w, const Tensor& bias, Activation a) {
  return layer(x, w, {}, {}, {}, {}, bias, a);
}

Tensor modulated_conv_act(const Tensor& x, const Tensor& w, const Tensor& styles, const Tensor& demodulation,
                          const Tensor& noise, const Tensor& strength, const Tensor& bias, Activation a) {
  return layer(x, w, styles, demodulation, noise, strength, bias, a);
}

}  // namespace dgl::ops
