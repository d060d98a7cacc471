#include "dgl/ops/modulate.h"

#include <cstdint>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/image_ranges.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

Tensor scale_fast(const Tensor& x_any, const Tensor& s_any) {
  if (gpu::runs(x_any)) return gpu::channel_scale(x_any, s_any);
  const Tensor x = working_layout(x_any), s = s_any.contiguous();
  Tensor y = at::empty_like(x);
  const ImageRanges runs(x);
  dispatch(x, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const T* from = x.data_ptr<T>();
    const S* scales = s.data_ptr<S>();
    T* to = y.data_ptr<T>();
    const int64_t c = runs.channels;
    runs.for_each([=](int64_t, int64_t image, int64_t first, int64_t last) {
      const S* __restrict scale = scales + image * c;
      for (int64_t p = first; p < last; ++p) {
        const T* __restrict in = from + p * c;
        T* __restrict out = to + p * c;
        for (int64_t k = 0; k < c; ++k) out[k] = from_float<T>(to_float(in[k]) * scale[k]);
      }
    });
  });
  return y;
}

Tensor dot_fast(const Tensor& a_any, const Tensor& b_any) {
  if (gpu::runs(a_any)) return gpu::channel_dot(a_any, b_any);
  const Tensor a = working_layout(a_any), b = working_layout(b_any);
  const ImageRanges runs(a);
  const Tensor sums = runs.sums(a);
  dispatch(a, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const T *ap = a.data_ptr<T>(), *bp = b.data_ptr<T>();
    S* to = sums.data_ptr<S>();
    const int64_t c = runs.channels;
    runs.for_each([=](int64_t run, int64_t, int64_t first, int64_t last) {
      S* __restrict out = to + run * c;
      for (int64_t p = first; p < last; ++p) {
        const T* __restrict u = ap + p * c, * __restrict v = bp + p * c;
        for (int64_t k = 0; k < c; ++k) out[k] += to_float(u[k]) * to_float(v[k]);
      }
    });
  });
  return ImageRanges::total(sums);
}

struct Scale : Function<Scale> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& s) {
    context->save_for_backward({x, s});
    return scale_fast(x, s);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const bool want_x = context->needs_input_grad(0), want_s = context->needs_input_grad(1);
    if (want_x && want_s && !torch::GradMode::is_enabled()) {
      auto [gx, gs] = scale_and_dot(gradients[0], saved[1], saved[0]);
      return {gx, gs};
    }
    return {want_x ? channel_scale(gradients[0], saved[1]) : Tensor(),
            want_s ? channel_dot(gradients[0], saved[0]) : Tensor()};
  }
};

struct Dot : Function<Dot> {
  static Tensor forward(AutogradContext* context, const Tensor& a, const Tensor& b) {
    context->save_for_backward({a, b});
    return dot_fast(a, b);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    Tensor ga, gb;
    if (context->needs_input_grad(0)) ga = channel_scale(saved[1], gradients[0]);
    if (context->needs_input_grad(1)) gb = channel_scale(saved[0], gradients[0]);
    return {ga, gb};
  }
};

}  // namespace

Tensor channel_scale(const Tensor& x, const Tensor& s) {
  if (use_reference() || !has_fast_kernel(x)) return x * s.to(x.scalar_type()).view({s.size(0), s.size(1), 1, 1});
  return Scale::apply(x, s);
}

Tensor channel_dot(const Tensor& a, const Tensor& b) {
  if (use_reference() || !has_fast_kernel(a)) return (a * b).sum({2, 3});
  return Dot::apply(a, b);
}

std::pair<Tensor, Tensor> scale_and_dot(const Tensor& g_any, const Tensor& s_any, const Tensor& x_any) {
  if (use_reference() || !has_fast_kernel(x_any)) return {channel_scale(g_any, s_any), channel_dot(g_any, x_any)};
  if (gpu::runs(x_any)) return gpu::scale_and_dot(g_any, s_any, x_any);
  const Tensor g = working_layout(g_any), s = s_any.contiguous(), x = working_layout(x_any);
  Tensor y = at::empty_like(g);
  const ImageRanges runs(x);
  const Tensor sums = runs.sums(x);
  dispatch(x, [&](auto element) {
    using T = decltype(element);
    using S = real_t<T>;
    const T *gradients = g.data_ptr<T>(), *values = x.data_ptr<T>();
    const S* scales = s.data_ptr<S>();
    T* to = y.data_ptr<T>();
    S* dots = sums.data_ptr<S>();
    const int64_t c = runs.channels;
    runs.for_each([=](int64_t run, int64_t image, int64_t first, int64_t last) {
      const S* __restrict scale = scales + image * c;
      S* __restrict dot = dots + run * c;
      for (int64_t p = first; p < last; ++p) {
        const T* __restrict u = gradients + p * c, * __restrict v = values + p * c;
        T* __restrict out = to + p * c;
        for (int64_t k = 0; k < c; ++k) {
          dot[k] += to_float(u[k]) * to_float(v[k]);
          out[k] = from_float<T>(to_float(u[k]) * scale[k]);
        }
      }
    });
  });
  return {y, ImageRanges::total(sums)};
}

}  // namespace dgl::ops
