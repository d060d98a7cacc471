#include "dgl/ops/conv_act.h"

#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <tuple>

#include "dgl/base/torch.h"
#include "dgl/ops/activation_gradient.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/conv3x3.h"
#include "dgl/ops/modulate.h"
#include "dgl/ops/recompute.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Computes the layer by separate operations.
Tensor conv_act_composition(const Tensor& x, const Tensor& w, const Tensor& styles, const Tensor& demodulation,
                            const Tensor& strength, const Tensor& bias, const Tensor& noise, Activation a) {
  const Tensor y = conv2d(styles.defined() ? channel_scale(x, styles) : x, w, 1, 1);
  return noise.defined() ? scale_noise_bias_act(y, demodulation, noise, strength, bias, a) : bias_act(y, bias, a);
}

struct ConvActLayer : Function<ConvActLayer> {
  enum { kX, kWeight, kStyles, kDemodulation, kStrength, kBias, kNoise, kOutput };  // the first six take gradients

  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w, const Tensor& styles,
                        const Tensor& demodulation, const Tensor& strength, const Tensor& bias, const Tensor& noise,
                        double alpha, double gain) {
    Tensor y = conv3x3(
        x, w, 1, 1, unwrap_undefined(styles),
        EpilogueParams{
            unwrap_undefined(demodulation), unwrap_undefined(noise), unwrap_undefined(strength), bias, {alpha, gain}});
    context->save_for_backward({x, w, styles, demodulation, strength, bias, noise, y});
    context->saved_data["alpha"] = alpha;
    context->saved_data["gain"] = gain;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto saved = context->get_saved_variables();
    for (size_t i = 0; i < kOutput; ++i) saved[i] = unwrap_undefined(saved[i]);
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
    const ActivationGradient g = activation_gradient(dy, saved[kOutput], saved[kNoise], {}, needs[kDemodulation], a);
    variable_list result(9);
    if (needs[kBias]) result[kBias] = g.sum.sum(0);
    if (needs[kStrength]) result[kStrength] = g.dot_z.sum();
    if (needs[kDemodulation]) {
      result[kDemodulation] = scale_gradient(g, demodulation, saved[kBias], saved[kStrength]);
    }
    if (needs[kWeight]) result[kWeight] = conv3x3_weight_gradient(x, g.dx, 1, 1, styles, demodulation);
    if (needs[kX] || needs[kStyles]) {
      const Tensor dx = conv3x3_input_gradient(g.dx, w, x.size(2), x.size(3), 1, 1, demodulation);
      if (styles.defined()) {
        std::tie(result[kX], result[kStyles]) = scale_and_dot(dx, styles, x);
      } else {
        result[kX] = dx;
      }
    }
    return result;
  }

  /// Computes gradients that can be differentiated again, by running the composition again.
  static variable_list differentiable_backward(const variable_list& saved, const std::array<bool, kNoise>& needs,
                                               const Tensor& dy, Activation a) {
    const TwiceDifferentiable twice;
    return recomputed_gradients(saved, needs, dy, 9, [&](const variable_list& in) {
      return conv_act_composition(in[kX], in[kWeight], in[kStyles], in[kDemodulation], in[kStrength], in[kBias],
                                  in[kNoise], a);
    });
  }
};

Tensor layer(const Tensor& x, const Tensor& w, const Tensor& styles, const Tensor& demodulation, const Tensor& noise,
             const Tensor& strength, const Tensor& bias, Activation a) {
  if (use_reference() || TwiceDifferentiable::wanted() || !conv3x3_supports(x, w.size(1), w.size(0), 1, 1)) {
    return conv_act_composition(x, w, styles, demodulation, strength, bias, noise, a);
  }
  return ConvActLayer::apply(x, w, wrap_undefined(styles), wrap_undefined(demodulation), wrap_undefined(strength), bias,
                             wrap_undefined(noise), a.alpha, a.gain);
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
