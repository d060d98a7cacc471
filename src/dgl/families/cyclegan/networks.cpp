#include "dgl/families/cyclegan/networks.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/group_norm.h"
#include "dgl/ops/reflect.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kOuterEdge = 3;  // of the 7x7 convolutions
constexpr double kInstanceEpsilon = 1e-5;
constexpr const char* kUnitNames[] = {"1", "5"};  // edges, norms and ReLU have the numbers between

using ops::NormActivation;

/// Instance norm without an affine map: a group norm whose groups are single channels.
Tensor instance_norm(const Tensor& x, NormActivation activation = NormActivation::none) {
  const auto options = x.options().dtype(torch::kFloat).requires_grad(false);
  const int64_t channels = x.size(1);
  return ops::group_norm(x, channels, at::ones({channels}, options), at::zeros({channels}, options), kInstanceEpsilon,
                         activation);
}

std::string onnx_reflect(OnnxGraph& graph, const std::string& x, int64_t edge) {
  const Tensor pads = torch::tensor({int64_t{0}, int64_t{0}, edge, edge, int64_t{0}, int64_t{0}, edge, edge});
  return graph.node("Pad", {x, graph.constant("edges", pads)}, {{"mode", "reflect"}});
}

/// `channels` are those of x, whose number the operator wants to know.
std::string onnx_instance_norm(OnnxGraph& graph, const std::string& x, int64_t channels) {
  const std::string ones = graph.constant("ones", torch::ones({channels})),
                    zeros = graph.constant("zeros", torch::zeros({channels}));
  return graph.node("InstanceNormalization", {x, ones, zeros}, {{"epsilon", kInstanceEpsilon}});
}

std::string onnx_normalized(OnnxGraph& graph, const std::string& x, int64_t channels) {
  return graph.node("Relu", {onnx_instance_norm(graph, x, channels)});
}

}  // namespace

SeparableConvolution::SeparableConvolution(int64_t in, int64_t out) {
  auto conv = add_folder(*this, "conv");
  auto depthwise = add_folder(*conv, "0");
  weight_ = depthwise->register_parameter("weight", torch::empty({in, 1, 3, 3}));
  bias_ = depthwise->register_parameter("bias", torch::empty({in}));
  pointwise_ = conv->register_module("2", std::make_shared<Convolution>(in, out, 1));
}

Tensor SeparableConvolution::forward(const Tensor& x) {
  const Tensor y = at::conv2d(x, weight_.to(x.scalar_type()), /*bias=*/{}, at::IntArrayRef{1}, at::IntArrayRef{0},
                              at::IntArrayRef{1}, /*groups=*/x.size(1));
  return pointwise_->forward(instance_norm(ops::bias_act(y, bias_, {1, 1})));
}

std::string SeparableConvolution::to_onnx(OnnxGraph& graph, const std::string& x) const {
  const int64_t channels = weight_.size(0);
  std::string y;
  {
    const OnnxGraph::Scope scope(graph, "conv.0");
    y = graph.node("Conv", {x, graph.constant("weight", weight_), graph.constant("bias", bias_)},
                   {{"group", channels}});
    y = onnx_instance_norm(graph, y, channels);
  }
  return add_to_graph(graph, "conv.2", *pointwise_, y);
}

DoublingConvolution::DoublingConvolution(int64_t in, int64_t out) {
  weight_ = register_parameter("weight", torch::empty({in, out, 3, 3}));
  bias_ = register_parameter("bias", torch::empty({out}));
}

Tensor DoublingConvolution::forward(const Tensor& x) {
  return ops::bias_act(ops::conv2d_transpose(x, weight_, 2 * x.size(2), 2 * x.size(3), 2, 1), bias_, {1, 1});
}

std::string DoublingConvolution::to_onnx(OnnxGraph& graph, const std::string& x) const {
  using Numbers = std::vector<int64_t>;
  return graph.node("ConvTranspose", {x, graph.constant("weight", weight_), graph.constant("bias", bias_)},
                    {{"strides", Numbers{2, 2}}, {"pads", Numbers{1, 1, 1, 1}}, {"output_padding", Numbers{1, 1}}});
}

ReflectingBlock::ReflectingBlock(int64_t channels, int64_t hidden, bool separable) {
  auto folder = add_folder(*this, "conv_block");
  for (size_t i = 0; i < 2; ++i) {
    const int64_t in = i == 0 ? channels : hidden, out = i == 0 ? hidden : channels;
    Unit unit{kUnitNames[i], nullptr, nullptr};
    if (separable) {
      unit.separable = folder->register_module(unit.name, std::make_shared<SeparableConvolution>(in, out));
    } else {
      unit.plain = folder->register_module(unit.name, std::make_shared<Convolution>(in, out, 3));
    }
    units_.push_back(unit);
  }
}

Tensor ReflectingBlock::forward(const Tensor& x) {
  Tensor h = x;
  for (const Unit& unit : units_) {
    h = ops::reflect(h, 1);
    h = instance_norm(unit.separable ? unit.separable->forward(h) : unit.plain->within(h),
                      &unit == &units_.front() ? NormActivation::relu : NormActivation::none);
  }
  return x + h;
}

std::string ReflectingBlock::to_onnx(OnnxGraph& graph, const std::string& x) const {
  std::string h = x;
  for (const Unit& unit : units_) {
    if (&unit != &units_.front()) h = graph.node("Relu", {h});
    const OnnxGraph::Scope scope(graph, "conv_block." + unit.name);
    h = onnx_reflect(graph, h, 1);
    int64_t channels = 0;  // of the output
    for (const auto& item : (unit.separable ? unit.separable->named_parameters() : unit.plain->named_parameters())) {
      if (item.key().ends_with("bias")) channels = item.value().size(0);
    }
    h = unit.separable ? unit.separable->to_onnx(graph, h) : unit.plain->to_onnx(graph, h, Convolution::Step::within);
    h = onnx_instance_norm(graph, h, channels);
  }
  return graph.node("Add", {x, h});
}

ResnetGenerator::ResnetGenerator(const ResnetShape& shape) : shape_(shape) {
  constexpr int64_t kOuterKernel = 2 * kOuterEdge + 1;
  auto model = add_folder(*this, "model");
  const auto add = [&](int64_t place, auto layer) { return model->register_module(std::to_string(place), layer); };
  const auto& channels = shape.channels;
  first_ =
      add(ResnetShape::kPlaceOfFirst, std::make_shared<Convolution>(shape.img_channels, channels[0], kOuterKernel));
  for (size_t i = 0; i < 2; ++i) {
    halving_.push_back(
        add(ResnetShape::kPlacesOfHalving[i], std::make_shared<Convolution>(channels[i], channels[i + 1], 3)));
  }
  for (int64_t i = 0; i < shape.blocks(); ++i) {
    const int64_t hidden = shape.hidden[static_cast<size_t>(i)];
    blocks_.push_back(
        add(shape.place_of_block(i), std::make_shared<ReflectingBlock>(shape.trunk(), hidden, shape.separable())));
  }
  for (size_t i = 0; i < 2; ++i) {
    doubling_.push_back(add(shape.place_of_doubling(static_cast<int64_t>(i)),
                            std::make_shared<DoublingConvolution>(channels[i + 2], channels[i + 3])));
  }
  last_ = add(shape.place_of_last(), std::make_shared<Convolution>(channels[4], shape.img_channels, kOuterKernel));
  const torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    if (item.key().ends_with("weight")) {
      item.value().normal_(0, 0.02);
    } else {
      item.value().zero_();
    }
  }
}

Tensor ResnetGenerator::translate(const Tensor& images) {
  const ops::ReferenceScope scope(reference());
  const auto normalized = [](const Tensor& x) { return instance_norm(x, NormActivation::relu); };
  // The first and the last convolution, which see pixels, are computed in float32.
  Tensor x = normalized(first_->within(ops::reflect(images, kOuterEdge)).to(activations_));
  for (const auto& layer : halving_) x = normalized(layer->halve(x, Convolution::Step::halve_around));
  for (const auto& block : blocks_) x = block->forward(x);
  for (const auto& layer : doubling_) x = normalized(layer->forward(x));
  return at::tanh(last_->within(ops::reflect(ops::to_float32(x), kOuterEdge)));
}

std::string ResnetGenerator::to_onnx(OnnxGraph& graph, const std::string& images) const {
  const OnnxGraph::Scope scope(graph, "model");
  const auto& channels = shape_.channels;
  const auto number = [](int64_t place) { return std::to_string(place); };
  std::string x = onnx_reflect(graph, images, kOuterEdge);
  x = add_to_graph(graph, number(ResnetShape::kPlaceOfFirst), *first_, x, Convolution::Step::within);
  x = onnx_normalized(graph, x, channels[0]);
  for (size_t i = 0; i < halving_.size(); ++i) {
    x = add_to_graph(graph, number(ResnetShape::kPlacesOfHalving[i]), *halving_[i], x, Convolution::Step::halve_around);
    x = onnx_normalized(graph, x, channels[i + 1]);
  }
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = add_to_graph(graph, number(shape_.place_of_block(static_cast<int64_t>(i))), *blocks_[i], x);
  }
  for (size_t i = 0; i < doubling_.size(); ++i) {
    x = add_to_graph(graph, number(shape_.place_of_doubling(static_cast<int64_t>(i))), *doubling_[i], x);
    x = onnx_normalized(graph, x, channels[i + 3]);
  }
  x = onnx_reflect(graph, x, kOuterEdge);
  x = add_to_graph(graph, number(shape_.place_of_last()), *last_, x, Convolution::Step::within);
  return graph.node("Tanh", {x});
}

ChannelLayout ResnetGenerator::channel_layout() const {
  ChannelLayout layout;
  const auto name_of = [](int64_t place) { return fmt::format("model.{}", place); };
  const std::string first = name_of(ResnetShape::kPlaceOfFirst), half = name_of(ResnetShape::kPlacesOfHalving[0]),
                    trunk = name_of(ResnetShape::kPlacesOfHalving[1]);
  put_convolution_axes(layout, first, "", first);
  put_convolution_axes(layout, half, first, half);
  put_convolution_axes(layout, trunk, half, trunk);
  for (int64_t i = 0; i < shape_.blocks(); ++i) {
    const std::string block = name_of(shape_.place_of_block(i)) + ".conv_block.", hidden = block + kUnitNames[0];
    for (const char* unit : kUnitNames) {
      const std::string name = block + unit, in = name == hidden ? trunk : hidden,
                        out = name == hidden ? hidden : trunk;
      if (shape_.separable()) {
        layout[name + ".conv.0.weight"] = {{.group = in}, {}, {}, {}};
        layout[name + ".conv.0.bias"] = {{.group = in}};
        put_convolution_axes(layout, name + ".conv.2", in, out);
      } else {
        put_convolution_axes(layout, name, in, out);
      }
    }
  }
  std::string in = trunk;
  for (int64_t i = 0; i < 2; ++i) {
    const std::string out = name_of(shape_.place_of_doubling(i));
    layout[out + ".weight"] = {{.group = in, .input = true}, {.group = out}, {}, {}};
    layout[out + ".bias"] = {{.group = out}};
    in = out;
  }
  put_convolution_axes(layout, name_of(shape_.place_of_last()), in, "");
  return layout;
}

}  // namespace dgl
