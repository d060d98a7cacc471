#include "ops/bias_act.h"

#include <torch/csrc/autograd/custom_function.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/element.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// y = act(x + z + b) * gain row by row, where z is `strength` times the row's own noise (none: nullptr).
template <class T, class S>
void forward_rows(const T* x, const S* bias, const S* noise, S strength, int64_t noise_rows, int64_t first,
                  int64_t last, int64_t channels, S alpha, S gain, T* y) {
  for (int64_t i = first; i < last; ++i) {
    const T* __restrict in = x + i * channels;
    const S* __restrict b = bias;
    T* __restrict out = y + i * channels;
    const S z = noise ? noise[i % noise_rows] * strength : S(0);
    for (int64_t c = 0; c < channels; ++c) {
      const S v = widen(in[c]) + b[c] + z;
      out[c] = narrow<T>(std::max(v, v * alpha) * gain);
    }
  }
}

Tensor forward_fast(const Tensor& x_any, const Tensor& bias, const Tensor& noise, const Tensor& strength,
                    Activation a) {
  const Tensor x = working_layout(x_any), b = bias.contiguous();
  const Tensor z = noise.defined() ? noise.contiguous() : Tensor();
  Tensor y = at::empty_like(x);
  const int64_t channels = x.size(1), rows = x.numel() / channels;
  dispatch(x, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const T* in = x.data_ptr<T>();
    const S *bp = b.data_ptr<S>(), *np = z.defined() ? z.data_ptr<S>() : nullptr;
    const S s = z.defined() ? strength.item<S>() : S(0);
    const int64_t noise_rows = z.defined() ? z.numel() : 1;
    const auto alpha = static_cast<S>(a.alpha), gain = static_cast<S>(a.gain);
    T* out = y.data_ptr<T>();
    parallel_for(0, rows, 1 + 16384 / channels, [=](int64_t first, int64_t last) {
      forward_rows(in, bp, np, s, noise_rows, first, last, channels, alpha, gain, out);
    });
  });
  return y;
}

/// g * act'(y): gain where y > 0, alpha * gain elsewhere (the sign of y is the sign before the gain, gain > 0).
Tensor gradient_fast(const Tensor& g_any, const Tensor& y, Activation a) {
  const Tensor g = working_layout(g_any);
  Tensor out = at::empty_like(y);
  dispatch(y, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const T *gp = g.data_ptr<T>(), *yp = y.data_ptr<T>();
    T* op = out.data_ptr<T>();
    const auto positive = static_cast<S>(a.gain), negative = static_cast<S>(a.gain * a.alpha);
    parallel_for(0, y.numel(), 16384, [=](int64_t first, int64_t last) {
      const T *__restrict gi = gp, *__restrict yi = yp;
      T* __restrict oi = op;
      for (int64_t i = first; i < last; ++i) oi[i] = narrow<T>(widen(gi[i]) * (widen(yi[i]) > 0 ? positive : negative));
    });
  });
  return out;
}

void save(AutogradContext* context, Activation a) {
  context->saved_data["alpha"] = a.alpha;
  context->saved_data["gain"] = a.gain;
}

Activation load(AutogradContext* context) {
  return {context->saved_data["alpha"].toDouble(), context->saved_data["gain"].toDouble()};
}

/// Linear in g, and flat in y almost everywhere: its derivative is itself.
struct Gradient : Function<Gradient> {
  static Tensor forward(AutogradContext* context, const Tensor& g, const Tensor& y, double alpha, double gain) {
    context->save_for_backward({y});
    save(context, {alpha, gain});
    return gradient_fast(g, y, {alpha, gain});
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto a = load(context);
    return {Gradient::apply(gradients[0], context->get_saved_variables()[0], a.alpha, a.gain), Tensor(), Tensor(),
            Tensor()};
  }
};

/// Gradient to the bias: over images and pixels.
Tensor bias_gradient(const Tensor& g) {
  const Tensor rows = g.dim() == 4 ? pixel_rows(g) : g;
  return rows.sum(0, /*keepdim=*/false, g.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat);
}

struct BiasAct : Function<BiasAct> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& bias, double alpha, double gain) {
    Tensor y = forward_fast(x, bias, Tensor(), Tensor(), {alpha, gain});
    context->save_for_backward({y});
    save(context, {alpha, gain});
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto a = load(context);
    const Tensor y = context->get_saved_variables()[0].detach();
    const Tensor gx = Gradient::apply(gradients[0], y, a.alpha, a.gain);
    return {gx, context->needs_input_grad(1) ? bias_gradient(gx) : Tensor(), Tensor(), Tensor()};
  }
};

struct NoiseBiasAct : Function<NoiseBiasAct> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& noise, const Tensor& strength,
                        const Tensor& bias, double alpha, double gain) {
    Tensor y = forward_fast(x, bias, noise, strength, {alpha, gain});
    context->save_for_backward({y, noise});
    save(context, {alpha, gain});
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto a = load(context);
    const auto saved = context->get_saved_variables();
    const Tensor gx = Gradient::apply(gradients[0], saved[0].detach(), a.alpha, a.gain);
    Tensor gs, gb;
    if (context->needs_input_grad(2)) gs = (gx.sum({1}, /*keepdim=*/true, saved[1].scalar_type()) * saved[1]).sum();
    if (context->needs_input_grad(3)) gb = bias_gradient(gx);
    return {gx, Tensor(), gs, gb, Tensor(), Tensor()};
  }
};

Tensor reference(const Tensor& x, const Tensor& bias, Activation a) {
  const Tensor v = x + (x.dim() == 4 ? bias.view({1, -1, 1, 1}) : bias);
  return (at::leaky_relu(v, a.alpha) * a.gain).to(x.scalar_type());
}

}  // namespace

Tensor bias_act(const Tensor& x, const Tensor& bias, Activation a) {
  if (use_reference() || !has_fast_kernel(x)) return reference(x, bias, a);
  return BiasAct::apply(x, bias, a.alpha, a.gain);
}

Tensor noise_bias_act(const Tensor& x, const Tensor& noise, const Tensor& strength, const Tensor& bias, Activation a) {
  if (use_reference() || !has_fast_kernel(x)) return reference((x + noise * strength).to(x.scalar_type()), bias, a);
  return NoiseBiasAct::apply(x, noise, strength, bias, a.alpha, a.gain);
}

}  // namespace dgl::ops
