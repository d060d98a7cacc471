#include "dgl/ops/reflect.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/element.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// The place of `i` from -edge to size + edge - 1 within a line of `size` that is mirrored at its ends.
int64_t mirrored(int64_t i, int64_t size) { return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i; }

/// By slices, for types and devices without a kernel.
Tensor reflect_slices(const Tensor& x, int64_t edge) {
  Tensor y = x;
  for (const int64_t dim : {2, 3}) {
    const int64_t side = y.size(dim);
    y = at::cat({y.slice(dim, 1, edge + 1).flip(dim), y, y.slice(dim, side - edge - 1, side - 1).flip(dim)}, dim);
  }
  return y;
}

Tensor reflected(const Tensor& x_any, int64_t edge) {
  if (gpu::runs(x_any)) return gpu::reflect(x_any, edge);
  const Tensor x = working_layout(x_any);
  const int64_t channels = x.size(1), height = x.size(2), width = x.size(3), out_height = height + 2 * edge,
                out_width = width + 2 * edge;
  Tensor y = at::empty({x.size(0), channels, out_height, out_width},
                       x.options().memory_format(at::MemoryFormat::ChannelsLast));
  dispatch(x, [&](auto type) {
    using T = decltype(type);
    const T* from = x.data_ptr<T>();
    T* to = y.data_ptr<T>();
    parallel_for(0, x.size(0) * out_height, 1 + 16384 / (out_width * channels), [=](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r) {
        const T* row = from + (r / out_height * height + mirrored(r % out_height - edge, height)) * width * channels;
        T* out = to + r * out_width * channels;
        for (int64_t i = 0; i < edge; ++i) {
          std::copy_n(row + (edge - i) * channels, channels, out + i * channels);
          std::copy_n(row + (width - 2 - i) * channels, channels, out + (edge + width + i) * channels);
        }
        std::copy_n(row, width * channels, out + edge * channels);
      }
    });
  });
  return y;
}

/// The places of a padded line that show place i of the line.
std::vector<int64_t> shown_at(int64_t i, int64_t size, int64_t edge) {
  std::vector<int64_t> places{i + edge};
  if (i >= 1 && i <= edge) places.push_back(edge - i);
  if (i <= size - 2 && i >= size - 1 - edge) places.push_back(2 * (size - 1) - i + edge);
  return places;
}

/// The adjoint of reflected().
Tensor folded(const Tensor& g_any, int64_t edge) {
  if (gpu::runs(g_any)) return gpu::reflect_adjoint(g_any, edge);
  const Tensor g = working_layout(g_any);
  const int64_t channels = g.size(1), in_height = g.size(2), in_width = g.size(3), height = in_height - 2 * edge,
                width = in_width - 2 * edge;
  Tensor y = at::empty({g.size(0), channels, height, width}, g.options().memory_format(at::MemoryFormat::ChannelsLast));
  dispatch(g, [&](auto type) {
    using T = decltype(type);
    const T* from = g.data_ptr<T>();
    T* to = y.data_ptr<T>();
    parallel_for(0, g.size(0) * height, 1 + 16384 / (width * channels), [=](int64_t first, int64_t last) {
      std::vector<real_t<T>> sums(static_cast<size_t>(width * channels));
      for (int64_t r = first; r < last; ++r) {
        std::fill(sums.begin(), sums.end(), real_t<T>{0});
        for (const int64_t source : shown_at(r % height, height, edge)) {
          const T* row = from + (r / height * in_height + source) * in_width * channels;
          const auto add = [&](int64_t place, int64_t x, int64_t pixels) {
            real_t<T>* sum = sums.data() + x * channels;
            const T* some = row + place * channels;
            for (int64_t c = 0; c < pixels * channels; ++c) sum[c] += to_float(some[c]);
          };
          add(edge, 0, width);
          for (int64_t i = 1; i <= edge; ++i) {
            add(edge - i, i, 1);
            add(edge + width - 1 + i, width - 1 - i, 1);
          }
        }
        T* out = to + r * width * channels;
        for (int64_t c = 0; c < width * channels; ++c) out[c] = from_float<T>(sums[static_cast<size_t>(c)]);
      }
    });
  });
  return y;
}

struct Fold;

/// Reflect and Fold are each other's adjoints.
struct Reflect : Function<Reflect> {
  static Tensor forward(AutogradContext* context, const Tensor& x, int64_t edge) {
    context->saved_data["edge"] = edge;
    return reflected(x, edge);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients);
};

struct Fold : Function<Fold> {
  static Tensor forward(AutogradContext* context, const Tensor& g, int64_t edge) {
    context->saved_data["edge"] = edge;
    return folded(g, edge);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {Reflect::apply(gradients[0], context->saved_data["edge"].toInt()), Tensor()};
  }
};

variable_list Reflect::backward(AutogradContext* context, variable_list gradients) {
  return {Fold::apply(gradients[0], context->saved_data["edge"].toInt()), Tensor()};
}

}  // namespace

Tensor reflect(const Tensor& x, int64_t edge) {
  TORCH_CHECK(x.dim() == 4 && x.size(2) > edge && x.size(3) > edge, "reflect: sides have to be greater than the edge");
  return use_reference() || !has_fast_kernel(x) ? reflect_slices(x, edge) : Reflect::apply(x, edge);
}

}  // namespace dgl::ops
