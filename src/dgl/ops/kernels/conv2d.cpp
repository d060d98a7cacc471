#include "dgl/ops/conv2d.h"

#include <cstdint>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv3x3.h"
#include "dgl/ops/frozen_weights.h"
#include "dgl/ops/pointwise.h"

namespace dgl::ops {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

bool is_pointwise(const Tensor& w, int64_t stride, int64_t padding) {
  return w.size(2) == 1 && w.size(3) == 1 && stride == 1 && padding == 0;
}

/// Returns true if a kernel of this library supports a convolution of `data` from `in` to `out` channels, or a gradient
/// of it.
bool is_3x3(const Tensor& data, int64_t in, int64_t out, at::IntArrayRef weight, int64_t stride, int64_t padding) {
  return !use_reference() && weight[2] == 3 && weight[3] == 3 && conv3x3_supports(data, in, out, stride, padding);
}

/// Returns the weight in the data's type and layout, for libtorch's own convolutions.
Tensor weight_for(const Tensor& x, const Tensor& w) {
  return FrozenWeights::derived(w, toString(x.scalar_type()),
                                [&] { return w.contiguous(working_format(x)).to(x.scalar_type()); });
}

Tensor forward_raw(const Tensor& x, const Tensor& w, int64_t stride, int64_t padding) {
  if (is_3x3(x, w.size(1), w.size(0), w.sizes(), stride, padding)) return conv3x3(x, w, stride, padding);
  return at::conv2d(working_layout(x), weight_for(x, w), {}, at::IntArrayRef{stride, stride},
                    at::IntArrayRef{padding, padding});
}

Tensor input_gradient_raw(const Tensor& g, const Tensor& w, int64_t height, int64_t width, int64_t stride,
                          int64_t padding) {
  if (is_3x3(g, w.size(0), w.size(1), w.sizes(), stride, padding)) {
    return conv3x3_input_gradient(g, w, height, width, stride, padding);
  }
  // With stride 1 the gradient is a convolution with the flipped kernel. That is faster than oneDNN's own gradient, but
  // not faster than cuDNN's.
  if (stride == 1 && g.device().is_cpu()) {
    return forward_raw(g, w.flip({2, 3}).transpose(0, 1), 1, w.size(2) - 1 - padding);
  }
  const Tensor input = at::empty({g.size(0), w.size(1), height, width}, g.options().memory_format(working_format(g)));
  return std::get<0>(at::convolution_backward(working_layout(g), input, weight_for(g, w), at::OptionalIntArrayRef(),
                                              {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0}, 1,
                                              {true, false, false}));
}

Tensor weight_gradient_raw(const Tensor& x, const Tensor& g, at::IntArrayRef sizes, int64_t stride, int64_t padding) {
  if (is_3x3(x, sizes[1], sizes[0], sizes, stride, padding)) return conv3x3_weight_gradient(x, g, stride, padding);
  const Tensor weight = at::empty(sizes, x.options().memory_format(working_format(x)));
  const Tensor gradient = std::get<1>(
      at::convolution_backward(working_layout(g), working_layout(x), weight, at::OptionalIntArrayRef(),
                               {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0}, 1, {false, true, false}));
  return to_float32(gradient);
}

/// Geometry of a convolution, as saved between forward and backward, and whether stock operations compute it.
struct Geometry {
  int64_t stride, padding;
  bool reference = use_reference();

  void save(AutogradContext* context) const {
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["reference"] = reference;
  }
  static Geometry load(AutogradContext* context) {
    return {context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt(),
            context->saved_data["reference"].toBool()};
  }
};

Tensor conv_input_gradient(const Tensor& g, const Tensor& w, int64_t height, int64_t width, Geometry geometry);
Tensor weight_gradient(const Tensor& x, const Tensor& g, const Tensor& w, Geometry geometry);
Tensor forward(const Tensor& x, const Tensor& w, Geometry geometry);

struct ConvForward : Function<ConvForward> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w, int64_t stride, int64_t padding) {
    context->save_for_backward({x, w});
    Geometry{stride, padding}.save(context);
    return forward_raw(x, w, stride, padding);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto geometry = Geometry::load(context);
    const ReferenceScope scope(geometry.reference);
    const Tensor &x = saved[0], &w = saved[1], &g = gradients[0];
    Tensor gx, gw;
    if (context->needs_input_grad(0)) gx = conv_input_gradient(g, w, x.size(2), x.size(3), geometry);
    if (context->needs_input_grad(1)) gw = weight_gradient(x, g, w, geometry);
    return {gx, gw, Tensor(), Tensor()};
  }
};

struct InputGradient : Function<InputGradient> {
  static Tensor forward(AutogradContext* context, const Tensor& g, const Tensor& w, int64_t height, int64_t width,
                        int64_t stride, int64_t padding) {
    context->save_for_backward({g, w});
    Geometry{stride, padding}.save(context);
    return input_gradient_raw(g, w, height, width, stride, padding);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto geometry = Geometry::load(context);
    const ReferenceScope scope(geometry.reference);
    const Tensor &g = saved[0], &w = saved[1], &h = gradients[0];
    Tensor gg, gw;
    if (context->needs_input_grad(0)) gg = dgl::ops::forward(h, w, geometry);
    if (context->needs_input_grad(1)) gw = weight_gradient(h, g, w, geometry);
    return {gg, gw, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

struct ConvWeightGradient : Function<ConvWeightGradient> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& g, std::vector<int64_t> sizes,
                        int64_t stride, int64_t padding) {
    context->save_for_backward({x, g});
    Geometry{stride, padding}.save(context);
    return weight_gradient_raw(x, g, sizes, stride, padding);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto geometry = Geometry::load(context);
    const ReferenceScope scope(geometry.reference);
    const Tensor &x = saved[0], &g = saved[1], &v = gradients[0];
    Tensor gx, gg;
    if (context->needs_input_grad(0)) gx = conv_input_gradient(g, v, x.size(2), x.size(3), geometry);
    if (context->needs_input_grad(1)) gg = dgl::ops::forward(x, v, geometry);
    return {gx, gg, Tensor(), Tensor(), Tensor()};
  }
};

Tensor forward(const Tensor& x, const Tensor& w, Geometry geometry) {
  return ConvForward::apply(x, w, geometry.stride, geometry.padding);
}

Tensor conv_input_gradient(const Tensor& g, const Tensor& w, int64_t height, int64_t width, Geometry geometry) {
  return InputGradient::apply(g, w, height, width, geometry.stride, geometry.padding);
}

Tensor weight_gradient(const Tensor& x, const Tensor& g, const Tensor& w, Geometry geometry) {
  return ConvWeightGradient::apply(x, g, w.sizes().vec(), geometry.stride, geometry.padding);
}

/// Returns true if a convolution of `data` is left to stock operations and their derivatives. On a CPU libtorch 1.13
/// cannot differentiate a bfloat16 convolution twice. The reference there uses the functions above with stock
/// convolutions.
bool takes_stock_autograd(const Tensor& data) { return use_reference() && !(is_half(data) && data.device().is_cpu()); }

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, int64_t stride, int64_t padding) {
  if (takes_stock_autograd(x)) {
    return at::conv2d(x, w.to(x.scalar_type()), {}, at::IntArrayRef{stride, stride}, at::IntArrayRef{padding, padding});
  }
  if (!use_reference() && is_pointwise(w, stride, padding)) return pointwise(x, w.view({1, w.size(0), w.size(1)}));
  return forward(x, w, {stride, padding});
}

Tensor conv2d_transpose(const Tensor& g, const Tensor& w, int64_t height, int64_t width, int64_t stride,
                        int64_t padding) {
  if (takes_stock_autograd(g)) {
    const int64_t k = w.size(2);
    const int64_t extra_height = height - ((g.size(2) - 1) * stride - 2 * padding + k);
    const int64_t extra_width = width - ((g.size(3) - 1) * stride - 2 * padding + k);
    return at::conv_transpose2d(g, w.to(g.scalar_type()), {}, at::IntArrayRef{stride, stride},
                                at::IntArrayRef{padding, padding}, at::IntArrayRef{extra_height, extra_width});
  }
  if (!use_reference() && is_pointwise(w, stride, padding))
    return pointwise(g, w.view({1, w.size(0), w.size(1)}).transpose(1, 2));
  return conv_input_gradient(g, w, height, width, {stride, padding});
}

}  // namespace dgl::ops
