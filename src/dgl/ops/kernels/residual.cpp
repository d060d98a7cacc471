#include "dgl/ops/residual.h"

#include <cstdint>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"
#include "dgl/ops/vec.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Calls f(small, large) for every row of the smaller maps [N, C, H, W]. `small` is the index of the row's first
/// element. `large` is that of the corresponding 2 rows of the larger maps.
template <class F>
void for_each_row(const Tensor& small, const F& f) {
  const int64_t row = small.size(1) * small.size(3);
  parallel_for(0, small.size(0) * small.size(2), 1 + 4096 / row, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) f(r * row, r * row * 4);
  });
}

Tensor maps_like(const Tensor& x, int64_t height, int64_t width) {
  return at::empty({x.size(0), x.size(1), height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
}

/// Writes a row of the larger maps: factor * s for 2 pixels each, + y if it is given.
template <class T>
void spread_row(const T* s, const T* y, float factor, int64_t width, int64_t channels, T* out) {
  for (int64_t x = 0; x < width; ++x, s += channels, out += 2 * channels) {
    T* next = out + channels;
    if (y) {
      for (int64_t c = 0; c < channels; c += kVecSize) {
        const Vec v = load(s + c) * factor;
        store(out + c, v + load(y + c));
        store(next + c, v + load(y + channels + c));
      }
      y += 2 * channels;
    } else {
      for (int64_t c = 0; c < channels; c += kVecSize) {
        const Vec v = load(s + c) * factor;
        store(out + c, v);
        store(next + c, v);
      }
    }
  }
}

/// Returns factor * s for 2 x 2 pixels each, + y if that is defined.
Tensor spread(const Tensor& s_any, float factor, const Tensor& y_any) {
  if (gpu::runs(s_any)) return gpu::spread(s_any, factor, y_any);
  const Tensor s = working_layout(s_any), y = y_any.defined() ? working_layout(y_any) : y_any;
  Tensor out = maps_like(s, 2 * s.size(2), 2 * s.size(3));
  const int64_t channels = s.size(1), width = s.size(3), row = 2 * width * channels;
  dispatch_vec(s, [&](auto type) {
    using T = decltype(type);
    const T *from = s.data_ptr<T>(), *added = y.defined() ? y.data_ptr<T>() : nullptr;
    T* to = out.data_ptr<T>();
    for_each_row(s, [=](int64_t small, int64_t large) {
      spread_row(from + small, added ? added + large : nullptr, factor, width, channels, to + large);
      spread_row(from + small, added ? added + large + row : nullptr, factor, width, channels, to + large + row);
    });
  });
  return out;
}

/// Writes a row of the smaller maps: factor * the sum of 2 x 2 pixels of the rows `upper` and `lower`, + s if it is
/// given.
template <class T>
void gather_row(const T* upper, const T* lower, const T* s, float factor, int64_t width, int64_t channels, T* out) {
  for (int64_t x = 0; x < width; ++x, upper += 2 * channels, lower += 2 * channels, out += channels) {
    for (int64_t c = 0; c < channels; c += kVecSize) {
      const Vec v =
          (load(upper + c) + load(upper + channels + c) + load(lower + c) + load(lower + channels + c)) * factor;
      store(out + c, s ? v + load(s + c) : v);
    }
    if (s) s += channels;
  }
}

/// Returns factor * the sum of 2 x 2 pixels of y, + s if that is defined.
Tensor gather(const Tensor& y_any, float factor, const Tensor& s_any) {
  if (gpu::runs(y_any)) return gpu::gather(y_any, factor, s_any);
  const Tensor y = working_layout(y_any), s = s_any.defined() ? working_layout(s_any) : s_any;
  Tensor out = maps_like(y, y.size(2) / 2, y.size(3) / 2);
  const int64_t channels = y.size(1), width = out.size(3), row = 2 * width * channels;
  dispatch_vec(y, [&](auto type) {
    using T = decltype(type);
    const T *from = y.data_ptr<T>(), *added = s.defined() ? s.data_ptr<T>() : nullptr;
    T* to = out.data_ptr<T>();
    for_each_row(out, [=](int64_t small, int64_t large) {
      gather_row(from + large, from + large + row, added ? added + small : nullptr, factor, width, channels,
                 to + small);
    });
  });
  return out;
}

struct Gather;

/// Spread and Gather are each other's adjoints.
struct Spread : Function<Spread> {
  static Tensor forward(AutogradContext* context, const Tensor& s, double factor) {
    context->saved_data["factor"] = factor;
    return spread(s, static_cast<float>(factor), {});
  }
  static variable_list backward(AutogradContext* context, variable_list gradients);
};

struct Gather : Function<Gather> {
  static Tensor forward(AutogradContext* context, const Tensor& y, double factor) {
    context->saved_data["factor"] = factor;
    return gather(y, static_cast<float>(factor), {});
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {Spread::apply(gradients[0], context->saved_data["factor"].toDouble()), Tensor()};
  }
};

variable_list Spread::backward(AutogradContext* context, variable_list gradients) {
  return {Gather::apply(gradients[0], context->saved_data["factor"].toDouble()), Tensor()};
}

struct AddUpsampled : Function<AddUpsampled> {
  static Tensor forward(AutogradContext* /*context*/, const Tensor& y, const Tensor& s) { return spread(s, 1, y); }
  static variable_list backward(AutogradContext* /*context*/, variable_list gradients) {
    return {gradients[0], Gather::apply(gradients[0], 1)};
  }
};

struct AddPooled : Function<AddPooled> {
  static Tensor forward(AutogradContext* /*context*/, const Tensor& y, const Tensor& s) { return gather(y, 0.25f, s); }
  static variable_list backward(AutogradContext* /*context*/, variable_list gradients) {
    return {Spread::apply(gradients[0], 0.25), gradients[0]};
  }
};

bool residual_supports(const Tensor& y, const Tensor& s) {
  if (use_reference() || y.scalar_type() != s.scalar_type()) return false;
  return gpu::runs(y) || (vec_supports(y) && y.size(1) % kVecSize == 0);
}

}  // namespace

Tensor add_upsampled(const Tensor& y, const Tensor& s) {
  return residual_supports(y, s) ? AddUpsampled::apply(y, s) : y + upsample_nearest(s, y.size(2), y.size(3));
}

Tensor add_pooled(const Tensor& y, const Tensor& s) {
  return residual_supports(y, s) ? AddPooled::apply(y, s) : at::avg_pool2d(y, {2, 2}) + s;
}

Tensor average_pool(const Tensor& x) {
  return residual_supports(x, x) ? Gather::apply(x, 0.25) : at::avg_pool2d(x, {2, 2});
}

}  // namespace dgl::ops
