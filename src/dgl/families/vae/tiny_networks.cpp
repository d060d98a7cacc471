#include "dgl/families/vae/tiny_networks.h"

#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kLargestLatent = 3;
constexpr const char* kBlockConvolutions[] = {"0", "2", "4"};  // ReLU has the numbers between

std::string onnx_number(OnnxGraph& graph, const std::string& name, double value) {
  return graph.constant(name, torch::tensor(value, torch::kFloat));
}

/// Axes of a network's layers, whose first input and last output no width narrows.
ChannelLayout layout_of(const std::vector<TinyLayer>& layers) {
  ChannelLayout layout;
  std::string group;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string name = std::to_string(i);
    if (layers[i].kind == TinyLayer::Kind::block) {
      // The last convolution's output is added to the block's input.
      const auto convolution = [&](int number) { return name + ".conv." + kBlockConvolutions[number]; };
      put_convolution_axes(layout, convolution(0), group, convolution(0));
      put_convolution_axes(layout, convolution(1), convolution(0), convolution(1));
      put_convolution_axes(layout, convolution(2), convolution(1), group);
    } else if (layers[i].out > 0) {
      const std::string out = i + 1 < layers.size() ? name : "";
      put_convolution_axes(layout, name, group, out, "", layers[i].kind == TinyLayer::Kind::convolution);
      group = out;
    }
  }
  return layout;
}

}  // namespace

TinyBlock::TinyBlock(int64_t channels) {
  auto folder = register_module("conv", std::make_shared<torch::nn::Module>());
  for (const char* name : kBlockConvolutions) {
    convolutions_.push_back(folder->register_module(name, std::make_shared<Convolution>(channels, channels, 3)));
  }
}

Tensor TinyBlock::forward(const Tensor& x) {
  const Tensor h = convolutions_[1]->forward(convolutions_[0]->forward(x, /*relu=*/true), /*relu=*/true);
  return at::relu(x + convolutions_[2]->forward(h));
}

std::string TinyBlock::to_onnx(OnnxGraph& graph, const std::string& x) const {
  std::string h = x;
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    if (i > 0) h = graph.node("Relu", {h});
    const OnnxGraph::Scope scope(graph, std::string("conv.") + kBlockConvolutions[i]);
    h = convolutions_[i]->to_onnx(graph, h);
  }
  return graph.node("Relu", {graph.node("Add", {x, h})});
}

TinyLayers::TinyLayers(torch::nn::Module& owner, const std::vector<TinyLayer>& layers) {
  for (const auto& [kind, in, out] : layers) {
    const std::string name = std::to_string(layers_.size());
    Layer layer{kind, nullptr, nullptr};
    if (kind == TinyLayer::Kind::block) {
      layer.block = owner.register_module(name, std::make_shared<TinyBlock>(out));
    } else if (out > 0) {
      const bool bias = kind == TinyLayer::Kind::convolution;
      layer.convolution = owner.register_module(name, std::make_shared<Convolution>(in, out, 3, bias));
    }
    layers_.push_back(std::move(layer));
  }
}

Tensor TinyLayers::forward(Tensor x, torch::ScalarType activations) {
  for (const Layer& layer : layers_) {
    const bool last = &layer == &layers_.back();
    switch (layer.kind) {
      case TinyLayer::Kind::clamp: x = at::tanh(x / kLargestLatent) * kLargestLatent; break;
      case TinyLayer::Kind::convolution:
        x = last ? layer.convolution->forward(ops::to_float32(x)) : layer.convolution->forward(x).to(activations);
        break;
      case TinyLayer::Kind::relu: x = at::relu(x); break;
      case TinyLayer::Kind::block: x = layer.block->forward(x); break;
      case TinyLayer::Kind::halve: x = layer.convolution->halve(x, Convolution::Step::halve_around); break;
      case TinyLayer::Kind::upsample: x = ops::upsample_nearest(x, 2 * x.size(2), 2 * x.size(3)); break;
      case TinyLayer::Kind::unbiased: x = layer.convolution->forward(x); break;
    }
  }
  return x;
}

std::string TinyLayers::to_onnx(OnnxGraph& graph, std::string x) const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const OnnxGraph::Scope scope(graph, std::to_string(i));
    switch (layer.kind) {
      case TinyLayer::Kind::clamp: {
        const std::string largest = onnx_number(graph, "largest", kLargestLatent);
        x = graph.node("Mul", {graph.node("Tanh", {graph.node("Div", {x, largest})}), largest});
        break;
      }
      case TinyLayer::Kind::convolution:
      case TinyLayer::Kind::unbiased: x = layer.convolution->to_onnx(graph, x); break;
      case TinyLayer::Kind::relu: x = graph.node("Relu", {x}); break;
      case TinyLayer::Kind::block: x = layer.block->to_onnx(graph, x); break;
      case TinyLayer::Kind::halve: x = layer.convolution->to_onnx(graph, x, Convolution::Step::halve_around); break;
      case TinyLayer::Kind::upsample: x = onnx_upsampled(graph, x); break;
    }
  }
  return x;
}

Tensor TinyEncoder::encode(const Tensor& images) {
  const ops::ReferenceScope scope(reference());
  return layers_.forward((ops::working_layout(images) + 1) / 2, activations_);
}

std::string TinyEncoder::to_onnx(OnnxGraph& graph, const std::string& images) const {
  const std::string shifted = graph.node("Add", {images, onnx_number(graph, "one", 1)});
  return layers_.to_onnx(graph, graph.node("Div", {shifted, onnx_number(graph, "two", 2)}));
}

ChannelLayout TinyEncoder::channel_layout() const { return layout_of(shape_.encoder_layers()); }

Tensor TinyDecoder::decode(const Tensor& latents) {
  const ops::ReferenceScope scope(reference());
  return layers_.forward(ops::working_layout(latents), activations_) * 2 - 1;
}

std::string TinyDecoder::to_onnx(OnnxGraph& graph, const std::string& latents) const {
  const std::string doubled = graph.node("Mul", {layers_.to_onnx(graph, latents), onnx_number(graph, "two", 2)});
  return graph.node("Sub", {doubled, onnx_number(graph, "one", 1)});
}

ChannelLayout TinyDecoder::channel_layout() const { return layout_of(shape_.decoder_layers()); }

}  // namespace dgl
