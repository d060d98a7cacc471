#include "ops/norm_relu.h"

#include <torch/csrc/autograd/custom_function.h>

#include "ops/common.h"
#include "ops/lanes.h"
#include "ops/runs.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

Tensor as_image(const Tensor& t) { return t.view({-1, t.size(-1), 1, 1}); }

/// From libtorch's operations; `store` whether the stored statistics move.
Tensor composition(const Tensor& x, const Tensor& shift, const Tensor& gain, const Tensor& bias,
                   const NormStatistics& s, bool store) {
  const Tensor wide = x.scalar_type() == torch::kBFloat16 ? x.to(torch::kFloat) : x;
  const Tensor v = shift.defined() ? wide + as_image(shift) : wide;
  const bool batch = s.momentum > 0;
  const Tensor y = at::batch_norm(v, {}, {}, batch && !store ? Tensor() : s.mean, batch && !store ? Tensor() : s.var, batch,
                                  s.momentum, s.epsilon, false);
  return at::relu(at::addcmul(as_image(bias), y, as_image(gain))).to(x.scalar_type());
}

template <class F>
void with_type(const Tensor& x, const F& f) {
  x.scalar_type() == torch::kBFloat16 ? f(at::BFloat16()) : f(float());
}

/// Mean and biased variance [C] of x over images and pixels, one sweep. Sums are of differences to the first pixel, so
/// that a mean far from 0 costs no digits.
std::pair<Tensor, Tensor> batch_statistics(const Tensor& x) {
  const Runs runs(x);
  const Tensor sums = runs.sums(x), squares = runs.sums(x);
  const int64_t channels = runs.channels;
  const Tensor origin = x.select(0, 0).select(1, 0).select(1, 0).to(torch::kFloat).contiguous();
  const float* o = origin.data_ptr<float>();
  float *sum = sums.data_ptr<float>(), *square = squares.data_ptr<float>();
  with_type(x, [&](auto type) {
    const auto* in = x.data_ptr<decltype(type)>();
    runs.for_each([=](int64_t run, int64_t, int64_t first, int64_t last) {
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Lanes zero = load(o + c);
        Lanes total{}, total_square{};
        for (int64_t i = first; i < last; ++i) {
          const Lanes d = load(in + i * channels + c) - zero;
          total += d;
          total_square += d * d;
        }
        store(sum + run * channels + c, total);
        store(square + run * channels + c, total_square);
      }
    });
  });
  const auto count = static_cast<double>(runs.images * runs.pixels);
  const Tensor mean = sums.sum(at::IntArrayRef{0, 1}, false, torch::kDouble) / count;
  const Tensor var = (squares.sum(at::IntArrayRef{0, 1}, false, torch::kDouble) / count - mean.square()).clamp_min(0);
  return {(mean + origin).to(torch::kFloat), var.to(torch::kFloat)};
}

/// y = relu(a (x - mean) + b), mean [C], a and b [N, C]. (Products with x itself would cancel where the mean is far from 0.)
Tensor affine_relu(const Tensor& x, const Tensor& mean, const Tensor& a, const Tensor& b) {
  const Runs runs(x);
  const int64_t channels = runs.channels;
  Tensor y = at::empty_like(x);
  const float *mp = mean.data_ptr<float>(), *ap = a.data_ptr<float>(), *bp = b.data_ptr<float>();
  with_type(x, [&](auto type) {
    using T = decltype(type);
    const T* in = x.data_ptr<T>();
    T* out = y.data_ptr<T>();
    runs.for_each([=](int64_t, int64_t image, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        for (int64_t c = 0; c < channels; c += kLanes) {
          const Lanes v = (load(in + i * channels + c) - load(mp + c)) * load(ap + image * channels + c) +
                          load(bp + image * channels + c);
          store(out + i * channels + c, v > 0 ? v : Lanes{});
        }
      }
    });
  });
  return y;
}

/// Sums over pixels of dt = dy [y > 0] and of dt (x - mean), each [N, C].
std::pair<Tensor, Tensor> gradient_sums(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& mean) {
  const Runs runs(x);
  const int64_t channels = runs.channels;
  const Tensor sums = runs.sums(x), dots = runs.sums(x);
  const float* mp = mean.data_ptr<float>();
  float *sum = sums.data_ptr<float>(), *dot = dots.data_ptr<float>();
  with_type(x, [&](auto type) {
    using T = decltype(type);
    const T *in = x.data_ptr<T>(), *out = y.data_ptr<T>(), *d = dy.data_ptr<T>();
    runs.for_each([=](int64_t run, int64_t, int64_t first, int64_t last) {
      for (int64_t c = 0; c < channels; c += kLanes) {
        const Lanes centre = load(mp + c);
        Lanes total{}, total_dot{};
        for (int64_t i = first; i < last; ++i) {
          const Lanes dt = load(out + i * channels + c) > 0 ? load(d + i * channels + c) : Lanes{};
          total += dt;
          total_dot += dt * (load(in + i * channels + c) - centre);
        }
        store(sum + run * channels + c, total);
        store(dot + run * channels + c, total_dot);
      }
    });
  });
  return {Runs::total(sums), Runs::total(dots)};
}

/// a dt + p (x - mean) + q, where a is [N, C], mean, p and q [C].
Tensor input_gradient(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& mean, const Tensor& a, const Tensor& p,
                      const Tensor& q) {
  const Runs runs(x);
  const int64_t channels = runs.channels;
  Tensor dx = at::empty_like(x);
  const float *mp = mean.data_ptr<float>(), *ap = a.data_ptr<float>(), *pp = p.data_ptr<float>(), *qp = q.data_ptr<float>();
  with_type(x, [&](auto type) {
    using T = decltype(type);
    const T *in = x.data_ptr<T>(), *out = y.data_ptr<T>(), *d = dy.data_ptr<T>();
    T* to = dx.data_ptr<T>();
    runs.for_each([=](int64_t, int64_t image, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        for (int64_t c = 0; c < channels; c += kLanes) {
          const Lanes dt = load(out + i * channels + c) > 0 ? load(d + i * channels + c) : Lanes{};
          store(to + i * channels + c,
                dt * load(ap + image * channels + c) + (load(in + i * channels + c) - load(mp + c)) * load(pp + c) +
                    load(qp + c));
        }
      }
    });
  });
  return dx;
}

struct Layer : Function<Layer> {
  enum { kX, kShift, kGain, kBias, kMean, kVar, kOutput };  // the first four take gradients

  static Tensor forward(AutogradContext* context, const Tensor& x_any, const Tensor& shift, const Tensor& gain,
                        const Tensor& bias, Tensor stored_mean, Tensor stored_var, double momentum, double epsilon) {
    const Tensor x = working_layout(x_any), offset = or_undefined(shift);
    // Of x, without the shift.
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
    const Tensor y = affine_relu(x, mean, a, b);
    context->save_for_backward({x_any, shift, gain, bias, mean, var, y});
    context->saved_data["momentum"] = momentum;
    context->saved_data["epsilon"] = epsilon;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const double momentum = context->saved_data["momentum"].toDouble(), epsilon = context->saved_data["epsilon"].toDouble();
    std::array<bool, kMean> needs;
    for (size_t i = 0; i < kMean; ++i) needs[i] = saved[i].numel() > 0 && context->needs_input_grad(i);
    return torch::GradMode::is_enabled() ? differentiable_backward(saved, needs, gradients[0], momentum, epsilon)
                                         : fast_backward(saved, needs, gradients[0], momentum > 0, epsilon);
  }

 private:
  static variable_list fast_backward(const variable_list& saved, const std::array<bool, kMean>& needs, const Tensor& dy_any,
                                     bool batch, double epsilon) {
    const Tensor &gain = saved[kGain], &mean = saved[kMean], &y = saved[kOutput];
    const Tensor x = working_layout(saved[kX]), dy = working_layout(dy_any), inverse = (saved[kVar] + epsilon).rsqrt();
    const auto [sum, dot] = gradient_sums(dy, y, x, mean);
    const Tensor dgain = dot * inverse;
    const auto count = static_cast<double>(x.numel() / x.size(1));
    const auto summed = [&](const Tensor& t) { return gain.size(0) == 1 ? t.sum(0, /*keepdim=*/true) : t; };
    variable_list result(8);
    if (needs[kGain]) result[kGain] = summed(dgain);
    if (needs[kBias]) result[kBias] = summed(sum);
    const Tensor a = (gain * inverse).expand({x.size(0), -1}).contiguous();
    if (needs[kShift]) result[kShift] = batch ? at::zeros_like(saved[kShift]) : (a * sum).sum(0);
    if (needs[kX]) {
      Tensor p = at::zeros_like(mean), q = p;
      if (batch) {
        p = inverse.square() * (gain * dgain).sum(0) / -count;
        q = inverse * (gain * sum).sum(0) / -count;
      }
      result[kX] = input_gradient(dy, y, x, mean, a, p.contiguous(), q.contiguous());
    }
    return result;
  }

  /// Where the gradients are to be differentiated again: those of the composition, computed anew.
  static variable_list differentiable_backward(const variable_list& saved, const std::array<bool, kMean>& needs,
                                               const Tensor& dy, double momentum, double epsilon) {
    const Tensor shift = or_undefined(saved[kShift]);
    const Tensor stored = shift.defined() ? saved[kMean] + shift.detach() : saved[kMean];
    const Tensor y = composition(saved[kX], shift, saved[kGain], saved[kBias], {stored, saved[kVar], momentum, epsilon},
                                 /*store=*/false);
    variable_list inputs, result(8);
    for (size_t i = 0; i < kMean; ++i) {
      if (needs[i]) inputs.push_back(saved[i]);
    }
    const auto gradients = torch::autograd::grad({y}, inputs, {dy}, /*retain_graph=*/true, /*create_graph=*/true);
    for (size_t i = 0, next = 0; i < kMean; ++i) {
      if (needs[i]) result[i] = gradients[next++];
    }
    return result;
  }
};

}  // namespace

Tensor norm_relu(const Tensor& x, const Tensor& shift, const Tensor& gain, const Tensor& bias, const NormStatistics& s) {
  const bool fast = !use_reference() && x.device().is_cpu() && x.size(1) % kLanes == 0 &&
                    (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16);
  if (!fast) return composition(x, shift, gain, bias, s, /*store=*/true);
  return Layer::apply(x, or_empty(shift), gain, bias, s.mean, s.var, s.momentum, s.epsilon);
}

}  // namespace dgl::ops
