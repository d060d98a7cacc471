#include "ops/modulate.h"

#include <ATen/Parallel.h>
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

/// The pixels of a batch in runs of one image each: an image is cut only where there are fewer than threads.
struct Runs {
  explicit Runs(const Tensor& x)
      : images(x.size(0)), channels(x.size(1)), pixels(x.size(2) * x.size(3)),
        pieces(std::clamp<int64_t>(at::get_num_threads() / std::max<int64_t>(1, images), 1, std::max<int64_t>(1, pixels))) {}

  /// Calls work(run, image, first, last) for every run; its pixels are first … last of the batch.
  template <class Work>
  void for_each(const Work& work) const {
    parallel_for(0, images * pieces, 1 + 16384 * pieces / std::max<int64_t>(1, pixels * channels),
                 [&](int64_t from, int64_t to) {
                   for (int64_t run = from; run < to; ++run) {
                     const int64_t image = run / pieces, piece = run % pieces;
                     work(run, image, image * pixels + piece * pixels / pieces,
                          image * pixels + (piece + 1) * pixels / pieces);
                   }
                 });
  }
  /// A row of sums for every run.
  Tensor sums(const Tensor& x) const {
    const auto type = x.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat;
    return at::zeros({images, pieces, channels}, x.options().dtype(type).memory_format(at::MemoryFormat::Contiguous));
  }
  static Tensor total(const Tensor& sums) { return sums.size(1) == 1 ? sums.squeeze(1) : sums.sum(1); }

  int64_t images, channels, pixels, pieces;
};

Tensor scale_fast(const Tensor& x_any, const Tensor& s_any) {
  const Tensor x = working_layout(x_any), s = s_any.contiguous();
  Tensor y = at::empty_like(x);
  const Runs runs(x);
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
        for (int64_t k = 0; k < c; ++k) out[k] = narrow<T>(widen(in[k]) * scale[k]);
      }
    });
  });
  return y;
}

Tensor dot_fast(const Tensor& a_any, const Tensor& b_any) {
  const Tensor a = working_layout(a_any), b = working_layout(b_any);
  const Runs runs(a);
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
        const T *__restrict u = ap + p * c, *__restrict v = bp + p * c;
        for (int64_t k = 0; k < c; ++k) out[k] += widen(u[k]) * widen(v[k]);
      }
    });
  });
  return Runs::total(sums);
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
  if (use_reference() || !has_fast_kernel(x)) return (x * s.view({s.size(0), s.size(1), 1, 1})).to(x.scalar_type());
  return Scale::apply(x, s);
}

Tensor channel_dot(const Tensor& a, const Tensor& b) {
  if (use_reference() || !has_fast_kernel(a)) return (a * b).sum({2, 3});
  return Dot::apply(a, b);
}

std::pair<Tensor, Tensor> scale_and_dot(const Tensor& g_any, const Tensor& s_any, const Tensor& x_any) {
  if (use_reference() || !has_fast_kernel(x_any)) return {channel_scale(g_any, s_any), channel_dot(g_any, x_any)};
  const Tensor g = working_layout(g_any), s = s_any.contiguous(), x = working_layout(x_any);
  Tensor y = at::empty_like(g);
  const Runs runs(x);
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
        const T *__restrict u = gradients + p * c, *__restrict v = values + p * c;
        T* __restrict out = to + p * c;
        for (int64_t k = 0; k < c; ++k) {
          dot[k] += widen(u[k]) * widen(v[k]);
          out[k] = narrow<T>(widen(u[k]) * scale[k]);
        }
      }
    });
  });
  return {y, Runs::total(sums)};
}

}  // namespace dgl::ops
