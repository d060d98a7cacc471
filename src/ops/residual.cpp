#include "ops/residual.h"

#include <torch/csrc/autograd/custom_function.h>

#include "base/parallel.h"
#include "ops/common.h"
#include "ops/lanes.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Calls f(first element of row `r` of the smaller maps [N, C, H, W], of the 2 rows of the larger ones) for all rows.
template <class F>
void for_each_row(const Tensor& small, const F& f) {
  const int64_t row = small.size(1) * small.size(3);
  parallel_for(0, small.size(0) * small.size(2), 1 + 4096 / row, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) f(r * row, r * row * 4);
  });
}

template <class F>
void with_type(const Tensor& x, const F& f) {
  x.scalar_type() == torch::kBFloat16 ? f(at::BFloat16()) : f(float());
}

Tensor maps_like(const Tensor& x, int64_t height, int64_t width) {
  return at::empty({x.size(0), x.size(1), height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
}

/// factor * s on 2 x 2 pixels each, + y where that is defined.
Tensor spread(const Tensor& s_any, float factor, const Tensor& y_any) {
  const Tensor s = working_layout(s_any), y = y_any.defined() ? working_layout(y_any) : y_any;
  Tensor out = maps_like(s, 2 * s.size(2), 2 * s.size(3));
  const int64_t channels = s.size(1), width = s.size(3);
  with_type(s, [&](auto type) {
    using T = decltype(type);
    const T *from = s.data_ptr<T>(), *added = y.defined() ? y.data_ptr<T>() : nullptr;
    T* to = out.data_ptr<T>();
    for_each_row(s, [=](int64_t small, int64_t large) {
      for (int64_t half = 0; half < 2; ++half, large += 2 * width * channels) {
        for (int64_t x = 0; x < 2 * width; ++x) {
          for (int64_t c = 0; c < channels; c += kLanes) {
            const int64_t place = large + x * channels + c;
            const Lanes v = load(from + small + x / 2 * channels + c) * factor;
            store(to + place, added ? v + load(added + place) : v);
          }
        }
      }
    });
  });
  return out;
}

/// factor * the sum of 2 x 2 pixels of y, + s where that is defined.
Tensor gather(const Tensor& y_any, float factor, const Tensor& s_any) {
  const Tensor y = working_layout(y_any), s = s_any.defined() ? working_layout(s_any) : s_any;
  Tensor out = maps_like(y, y.size(2) / 2, y.size(3) / 2);
  const int64_t channels = y.size(1), width = out.size(3), row = 2 * width * channels;
  with_type(y, [&](auto type) {
    using T = decltype(type);
    const T *from = y.data_ptr<T>(), *added = s.defined() ? s.data_ptr<T>() : nullptr;
    T* to = out.data_ptr<T>();
    for_each_row(out, [=](int64_t small, int64_t large) {
      for (int64_t x = 0; x < width; ++x) {
        for (int64_t c = 0; c < channels; c += kLanes) {
          const int64_t place = small + x * channels + c;
          const T *upper = from + large + 2 * x * channels + c, *lower = upper + row;
          const Lanes v = (load(upper) + load(upper + channels) + load(lower) + load(lower + channels)) * factor;
          store(to + place, added ? v + load(added + place) : v);
        }
      }
    });
  });
  return out;
}

struct Gather;

/// It and Gather are each other's adjoints.
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

bool serves(const Tensor& y, const Tensor& s) {
  return !use_reference() && y.device().is_cpu() && y.size(1) % kLanes == 0 && y.scalar_type() == s.scalar_type() &&
         (y.scalar_type() == torch::kFloat || y.scalar_type() == torch::kBFloat16);
}

}  // namespace

Tensor add_upsampled(const Tensor& y, const Tensor& s) {
  if (serves(y, s)) return AddUpsampled::apply(y, s);
  return y + at::upsample_nearest2d(s, at::IntArrayRef{y.size(2), y.size(3)});
}

Tensor add_pooled(const Tensor& y, const Tensor& s) {
  return serves(y, s) ? AddPooled::apply(y, s) : at::avg_pool2d(y, {2, 2}) + s;
}

}  // namespace dgl::ops
