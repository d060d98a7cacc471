#include "ops/modulate.h"

#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/parallel.h"
#include "ops/common.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

Tensor scale_fast(const Tensor& x_any, const Tensor& s_any) {
  const Tensor x = working_layout(x_any), s = s_any.contiguous();
  Tensor y = at::empty_like(x);
  const int64_t n = x.size(0), c = x.size(1), pixels = x.size(2) * x.size(3);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "channel_scale", [&] {
    const scalar_t *xp = x.data_ptr<scalar_t>(), *sp = s.data_ptr<scalar_t>();
    scalar_t* yp = y.data_ptr<scalar_t>();
    parallel_for(0, n * pixels, 1 + 16384 / c, [=](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const scalar_t *__restrict in = xp + i * c, *__restrict scale = sp + (i / pixels) * c;
        scalar_t* __restrict out = yp + i * c;
        for (int64_t k = 0; k < c; ++k) out[k] = in[k] * scale[k];
      }
    });
  });
  return y;
}

Tensor dot_fast(const Tensor& a_any, const Tensor& b_any) {
  const Tensor a = working_layout(a_any), b = working_layout(b_any);
  const int64_t n = a.size(0), c = a.size(1), pixels = a.size(2) * a.size(3);
  Tensor d = at::zeros({n, c}, a.options().memory_format(at::MemoryFormat::Contiguous));
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "channel_dot", [&] {
    const scalar_t *ap = a.data_ptr<scalar_t>(), *bp = b.data_ptr<scalar_t>();
    scalar_t* dp = d.data_ptr<scalar_t>();
    parallel_for(0, n, 1, [=](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        scalar_t* __restrict out = dp + i * c;
        for (int64_t p = i * pixels; p < (i + 1) * pixels; ++p) {
          const scalar_t *__restrict u = ap + p * c, *__restrict v = bp + p * c;
          for (int64_t k = 0; k < c; ++k) out[k] += u[k] * v[k];
        }
      }
    });
  });
  return d;
}

struct Scale : Function<Scale> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& s) {
    context->save_for_backward({x, s});
    return scale_fast(x, s);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    Tensor gx, gs;
    if (context->needs_input_grad(0)) gx = channel_scale(gradients[0], saved[1]);
    if (context->needs_input_grad(1)) gs = channel_dot(gradients[0], saved[0]);
    return {gx, gs};
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
  if (use_reference() || !has_fast_kernel(x)) return x * s.view({s.size(0), s.size(1), 1, 1});
  return Scale::apply(x, s);
}

Tensor channel_dot(const Tensor& a, const Tensor& b) {
  if (use_reference() || !has_fast_kernel(a)) return (a * b).sum({2, 3});
  return Dot::apply(a, b);
}

}  // namespace dgl::ops
