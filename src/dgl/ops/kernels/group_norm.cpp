#include "dgl/ops/group_norm.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/image_ranges.h"
#include "dgl/ops/recompute.h"
#include "dgl/ops/vec.h"
#include "dgl/ops/vec_math.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// The layer by libtorch's operations.
Tensor group_norm_composition(const Tensor& x, int64_t groups, const Tensor& gain, const Tensor& bias, double epsilon,
                              NormActivation activation) {
  const Tensor y = at::group_norm(to_float32(x), groups, gain, bias, epsilon);
  const Tensor activated = activation == NormActivation::silu   ? at::silu(y)
                           : activation == NormActivation::relu ? at::relu(y)
                                                                : y;
  return activated.to(x.scalar_type());
}

/// Sizes of a batch and its groups.
struct Groups {
  Groups(const Tensor& x, int64_t groups)
      : images(x.size(0)),
        channels(x.size(1)),
        pixels(x.size(2) * x.size(3)),
        count(groups),
        width(channels / groups),
        numbers(static_cast<double>(pixels * width)) {}
  int64_t images, channels, pixels;
  int64_t count;   ///< of groups
  int64_t width;   ///< channels of each
  double numbers;  ///< of an image that a group's statistics are of
};

Tensor floats(const Tensor& like, int64_t images, int64_t columns) {
  return at::empty({images, columns}, like.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous));
}

/// Mean and 1 / sqrt(var + epsilon) of each image's groups, both [N, groups]. One sweep: sums of each channel are of
/// differences to the image's first pixel, so that a mean far from 0 costs no precision.
std::pair<Tensor, Tensor> statistics(const Tensor& x, const Groups& g, double epsilon) {
  const ImageRanges runs(x);
  const Tensor sums = runs.sums(x), squares = runs.sums(x), origin = floats(x, g.images, g.channels);
  float *sum = sums.data_ptr<float>(), *square = squares.data_ptr<float>(), *first_pixel = origin.data_ptr<float>();
  dispatch_vec(x, [&](auto type) {
    const auto* in = x.data_ptr<decltype(type)>();
    for (int64_t n = 0; n < g.images; ++n) {
      for (int64_t c = 0; c < g.channels; ++c) {
        first_pixel[n * g.channels + c] = to_float(in[n * g.pixels * g.channels + c]);
      }
    }
    runs.for_each([=, channels = g.channels](int64_t run, int64_t image, int64_t first, int64_t last) {
      for (int64_t c = 0; c < channels; c += kVecSize) {
        const Vec zero = load(first_pixel + image * channels + c);
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
  const Tensor mean = floats(x, g.images, g.count), inverse = floats(x, g.images, g.count);
  const auto pixels = static_cast<double>(g.pixels);
  std::vector<double> means(static_cast<size_t>(g.width));
  for (int64_t n = 0; n < g.images; ++n) {
    for (int64_t group = 0; group < g.count; ++group) {
      double total = 0, deviations = 0;  // the latter about the channels' own means
      for (int64_t i = 0; i < g.width; ++i) {
        const int64_t c = group * g.width + i;
        double s = 0, s2 = 0;
        for (int64_t piece = 0; piece < runs.pieces; ++piece) {
          const int64_t at = (n * runs.pieces + piece) * g.channels + c;
          s += sum[at];
          s2 += square[at];
        }
        means[static_cast<size_t>(i)] = first_pixel[n * g.channels + c] + s / pixels;
        total += means[static_cast<size_t>(i)];
        deviations += s2 - s * s / pixels;
      }
      const double m = total / static_cast<double>(g.width);
      for (const double of_channel : means) deviations += pixels * (of_channel - m) * (of_channel - m);
      const double var = std::max(0.0, deviations) / g.numbers;
      mean.data_ptr<float>()[n * g.count + group] = static_cast<float>(m);
      // A number that is none stays so: max() above takes 0 for it.
      inverse.data_ptr<float>()[n * g.count + group] =
          static_cast<float>(std::isnan(deviations) ? deviations : 1 / std::sqrt(var + epsilon));
    }
  }
  return {mean, inverse};
}

/// The affine map a (x - mean) + bias before SiLU, with mean and a [N, C], bias [C].
struct GroupAffine {
  Tensor mean, a, bias;

  /// Of each image's channels, from the statistics of its groups.
  GroupAffine(const Tensor& group_mean, const Tensor& group_inverse, const Tensor& gain, Tensor bias_any,
              const Groups& g)
      : mean(floats(gain, g.images, g.channels)), a(floats(gain, g.images, g.channels)), bias(std::move(bias_any)) {
    const float *m = group_mean.data_ptr<float>(), *inverse = group_inverse.data_ptr<float>(),
                *scale = gain.data_ptr<float>();
    float *to_mean = mean.data_ptr<float>(), *to_a = a.data_ptr<float>();
    for (int64_t n = 0; n < g.images; ++n) {
      for (int64_t c = 0; c < g.channels; ++c) {
        const int64_t group = n * g.count + c / g.width, at = n * g.channels + c;
        to_mean[at] = m[group];
        to_a[at] = inverse[group] * scale[c];
      }
    }
  }

  /// The map of one image.
  struct Row {
    const float *mean, *a, *bias;
    Vec centered(const Vec& x, int64_t c) const { return x - load(mean + c); }
    Vec apply(const Vec& centered, int64_t c) const { return centered * load(a + c) + load(bias + c); }
  };
  Row of(int64_t image) const {
    const int64_t first = image * mean.size(1);
    return {mean.data_ptr<float>() + first, a.data_ptr<float>() + first, bias.data_ptr<float>()};
  }
};

/// The derivative of y * sigmoid(y).
Vec silu_slope(const Vec& y) {
  const Vec s = sigmoid(y);
  return s + s * y * (1.0F - s);
}

template <NormActivation kActivation>
using Activated = std::integral_constant<NormActivation, kActivation>;

template <class F>
void with_activation(NormActivation activation, const F& f) {
  switch (activation) {
    case NormActivation::none: return f(Activated<NormActivation::none>());
    case NormActivation::silu: return f(Activated<NormActivation::silu>());
    case NormActivation::relu: return f(Activated<NormActivation::relu>());
  }
}

/// A number that is none passes, as through libtorch's.
template <NormActivation kActivation>
Vec activated(Activated<kActivation>, const Vec& y) {
  if constexpr (kActivation == NormActivation::silu) return y * sigmoid(y);
  if constexpr (kActivation == NormActivation::relu) return y < 0.0F ? Vec{} : y;
  return y;
}

/// dy times the activation's slope at y.
template <NormActivation kActivation>
Vec through(Activated<kActivation>, const Vec& dy, const Vec& y) {
  if constexpr (kActivation == NormActivation::silu) return dy * silu_slope(y);
  if constexpr (kActivation == NormActivation::relu) return y <= 0.0F ? Vec{} : dy;
  return dy;
}

Tensor apply_map(const Tensor& x, const GroupAffine& affine, NormActivation activation) {
  const ImageRanges runs(x);
  const int64_t channels = runs.channels;
  Tensor y = at::empty_like(x);
  dispatch_vec(x, [&](auto type) {
    using T = decltype(type);
    const T* in = x.data_ptr<T>();
    T* out = y.data_ptr<T>();
    with_activation(activation, [&](auto curve) {
      runs.for_each([=, &affine](int64_t, int64_t image, int64_t first, int64_t last) {
        const GroupAffine::Row row = affine.of(image);
        for (int64_t i = first; i < last; ++i) {
          for (int64_t c = 0; c < channels; c += kVecSize) {
            const Vec v = row.apply(row.centered(load(in + i * channels + c), c), c);
            store(out + i * channels + c, activated(curve, v));
          }
        }
      });
    });
  });
  return y;
}

/// Returns the sums over pixels of dt and of dt (x - mean), each [N, C], with dt = dy times the activation's slope.
std::pair<Tensor, Tensor> group_gradient_sums(const Tensor& dy, const Tensor& x, const GroupAffine& affine,
                                              NormActivation activation) {
  const ImageRanges runs(x);
  const int64_t channels = runs.channels;
  const Tensor sums = runs.sums(x), dots = runs.sums(x);
  float *sum = sums.data_ptr<float>(), *dot = dots.data_ptr<float>();
  dispatch_vec(x, [&](auto type) {
    using T = decltype(type);
    const T *in = x.data_ptr<T>(), *d = dy.data_ptr<T>();
    with_activation(activation, [&](auto curve) {
      runs.for_each([=, &affine](int64_t run, int64_t image, int64_t first, int64_t last) {
        const GroupAffine::Row row = affine.of(image);
        float *total = sum + run * channels, *total_dot = dot + run * channels;
        for (int64_t i = first; i < last; ++i) {
          for (int64_t c = 0; c < channels; c += kVecSize) {
            const Vec v = row.centered(load(in + i * channels + c), c);
            const Vec dt = through(curve, load(d + i * channels + c), row.apply(v, c));
            store(total + c, load(total + c) + dt);
            store(total_dot + c, load(total_dot + c) + dt * v);
          }
        }
      });
    });
  });
  return {ImageRanges::total(sums), ImageRanges::total(dots)};
}

/// Returns a dt + p (x - mean) + q, with p and q [N, C].
Tensor group_input_gradient(const Tensor& dy, const Tensor& x, const GroupAffine& affine, const Tensor& p,
                            const Tensor& q, NormActivation activation) {
  const ImageRanges runs(x);
  const int64_t channels = runs.channels;
  Tensor dx = at::empty_like(x);
  const float *pp = p.data_ptr<float>(), *qp = q.data_ptr<float>();
  dispatch_vec(x, [&](auto type) {
    using T = decltype(type);
    const T *in = x.data_ptr<T>(), *d = dy.data_ptr<T>();
    T* to = dx.data_ptr<T>();
    with_activation(activation, [&](auto curve) {
      runs.for_each([=, &affine](int64_t, int64_t image, int64_t first, int64_t last) {
        const GroupAffine::Row row = affine.of(image);
        const int64_t own = image * channels;
        for (int64_t i = first; i < last; ++i) {
          for (int64_t c = 0; c < channels; c += kVecSize) {
            const Vec v = row.centered(load(in + i * channels + c), c);
            const Vec dt = through(curve, load(d + i * channels + c), row.apply(v, c));
            store(to + i * channels + c, dt * load(row.a + c) + v * load(pp + own + c) + load(qp + own + c));
          }
        }
      });
    });
  });
  return dx;
}

/// The same on a GPU, by its kernels and a few operations on tables of [N, groups].
std::pair<Tensor, Tensor> gpu_statistics(const Tensor& x, const Groups& g, double epsilon) {
  const Tensor origin = x.select(2, 0).select(2, 0).to(torch::kFloat).contiguous();
  const auto [sums, squares] = gpu::norm_statistics(x, origin);
  const auto pixels = static_cast<double>(g.pixels);
  const Tensor s = sums.to(torch::kDouble), means = origin.to(torch::kDouble) + s / pixels;
  const auto by_group = [&](const Tensor& t) { return t.view({g.images, g.count, g.width}); };
  const Tensor mean = by_group(means).mean(2);
  const Tensor about_channels = by_group(squares.to(torch::kDouble) - s.square() / pixels).sum(2);
  const Tensor about_group = pixels * (by_group(means) - mean.unsqueeze(2)).square().sum(2);
  const Tensor var = ((about_channels + about_group) / g.numbers).clamp_min(0);  // keeps what is no number
  return {mean.to(torch::kFloat), (var + epsilon).rsqrt().to(torch::kFloat)};
}

/// Returns a table of groups [N, groups] as one of channels [N, C].
Tensor by_channel(const Tensor& t, const Groups& g) {
  return t.unsqueeze(2).expand({g.images, g.count, g.width}).reshape({g.images, g.channels});
}

gpu::NormMap gpu_map(const Tensor& mean, const Tensor& inverse, const Tensor& gain, const Tensor& bias, const Groups& g,
                     NormActivation activation) {
  return {by_channel(mean, g), by_channel(inverse, g) * gain, bias.unsqueeze(0), activation, /*upsample=*/false};
}

struct GroupNormLayer : Function<GroupNormLayer> {
  enum { kX, kGain, kBias, kMean, kInverse };  // the first three take gradients

  static Tensor forward(AutogradContext* context, const Tensor& x_any, const Tensor& gain, const Tensor& bias,
                        int64_t groups, double epsilon, NormActivation activation) {
    const Tensor x = working_layout(x_any);
    const Groups g(x, groups);
    const auto [mean, inverse] = gpu::runs(x) ? gpu_statistics(x, g, epsilon) : statistics(x, g, epsilon);
    context->save_for_backward({x_any, gain, bias, mean, inverse});
    context->saved_data["groups"] = groups;
    context->saved_data["epsilon"] = epsilon;
    context->saved_data["activation"] = static_cast<int64_t>(activation);
    if (gpu::runs(x)) return gpu::norm_apply(x, gpu_map(mean, inverse, gain, bias, g, activation));
    return apply_map(x, GroupAffine(mean, inverse, gain.contiguous(), bias.contiguous(), g), activation);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    std::array<bool, kMean> needs;
    for (size_t i = 0; i < kMean; ++i) needs[i] = context->needs_input_grad(i);
    const int64_t groups = context->saved_data["groups"].toInt();
    const auto activation = static_cast<NormActivation>(context->saved_data["activation"].toInt());
    if (torch::GradMode::is_enabled()) {
      const double epsilon = context->saved_data["epsilon"].toDouble();
      return recomputed_gradients(
          {saved[kX], saved[kGain], saved[kBias]}, needs, gradients[0], 6, [&](const variable_list& in) {
            return group_norm_composition(in[kX], groups, in[kGain], in[kBias], epsilon, activation);
          });
    }
    return fast_backward(saved, needs, gradients[0], groups, activation);
  }

 private:
  static variable_list gpu_backward(const variable_list& saved, const std::array<bool, kMean>& needs, const Tensor& dy,
                                    const Tensor& x, const Groups& g, NormActivation activation) {
    const Tensor &inverse = saved[kInverse], &gain = saved[kGain];
    const gpu::NormMap map = gpu_map(saved[kMean], inverse, gain, saved[kBias], g, activation);
    const auto [sums, dots] = gpu::norm_gradient_sums(dy, x, map);
    variable_list result(6);
    if (needs[kBias]) result[kBias] = sums.sum(0);
    if (needs[kGain]) result[kGain] = (dots * by_channel(inverse, g)).sum(0);
    if (needs[kX]) {
      const auto of_groups = [&](const Tensor& t) { return (t * gain).view({g.images, g.count, g.width}).sum(2); };
      const Tensor p = of_groups(dots) * inverse.pow(3) / -g.numbers, q = of_groups(sums) * inverse / -g.numbers;
      result[kX] = gpu::norm_input_gradient(dy, x, map, by_channel(p, g), by_channel(q, g));
    }
    return result;
  }

  static variable_list fast_backward(const variable_list& saved, const std::array<bool, kMean>& needs,
                                     const Tensor& dy_any, int64_t groups, NormActivation activation) {
    const Tensor x = working_layout(saved[kX]), dy = working_layout(dy_any), gain = saved[kGain].contiguous();
    const Groups g(x, groups);
    if (gpu::runs(x)) return gpu_backward(saved, needs, dy, x, g, activation);
    const GroupAffine affine(saved[kMean], saved[kInverse], gain, saved[kBias].contiguous(), g);
    const auto [sums, dots] = group_gradient_sums(dy, x, affine, activation);
    variable_list result(6);
    if (needs[kBias]) result[kBias] = sums.sum(0);
    const Tensor dgain = at::zeros_like(gain), p = floats(x, g.images, g.channels), q = floats(x, g.images, g.channels);
    const float *sum = sums.data_ptr<float>(), *dot = dots.data_ptr<float>(), *scale = gain.data_ptr<float>(),
                *inverse = saved[kInverse].data_ptr<float>();
    for (int64_t n = 0; n < g.images; ++n) {
      for (int64_t group = 0; group < g.count; ++group) {
        const int64_t first = n * g.channels + group * g.width;
        const double over = inverse[n * g.count + group];
        double scaled_sum = 0, scaled_dot = 0;
        for (int64_t i = 0; i < g.width; ++i) {
          const int64_t c = group * g.width + i;
          scaled_sum += static_cast<double>(scale[c]) * sum[first + i];
          scaled_dot += static_cast<double>(scale[c]) * dot[first + i];
          dgain.data_ptr<float>()[c] += dot[first + i] * static_cast<float>(over);
        }
        for (int64_t i = 0; i < g.width; ++i) {
          p.data_ptr<float>()[first + i] = static_cast<float>(-over * over * over * scaled_dot / g.numbers);
          q.data_ptr<float>()[first + i] = static_cast<float>(-over * scaled_sum / g.numbers);
        }
      }
    }
    if (needs[kGain]) result[kGain] = dgain;
    if (needs[kX]) result[kX] = group_input_gradient(dy, x, affine, p, q, activation);
    return result;
  }
};

}  // namespace

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& gain, const Tensor& bias, double epsilon,
                  NormActivation activation) {
  const bool fast = !use_reference() && (gpu::runs(x) || (vec_supports(x) && x.size(1) % kVecSize == 0));
  return fast ? GroupNormLayer::apply(x, gain, bias, groups, epsilon, activation)
              : group_norm_composition(x, groups, gain, bias, epsilon, activation);
}

}  // namespace dgl::ops
