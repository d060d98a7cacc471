#include "dgl/families/cyclegan/unet_generator.h"

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/nn/unet_layers.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/group_norm.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kKernel = 4;
constexpr double kNormEpsilon = 1e-5, kSlope = 0.2, kDeviation = 0.02;

/// What the blocks of all levels are called, from the image inward: each stands within the one around it.
std::vector<std::string> block_names(int64_t levels) {
  std::vector<std::string> names{"model.model."};
  for (int64_t i = 1; i < levels; ++i) names.push_back(names.back() + (i == 1 ? "1.model." : "3.model."));
  return names;
}

/// Registers a tensor under a name with dots.
Tensor add_tensor(torch::nn::Module& root, const std::string& name, const Tensor& value, bool trained = true) {
  torch::nn::Module* at = &root;
  size_t begin = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
    const std::string part = name.substr(begin, dot - begin);
    const auto children = at->named_children();
    at = children.contains(part) ? children[part].get() : add_folder(*at, part).get();
    begin = dot + 1;
  }
  const std::string leaf = name.substr(begin);
  return trained ? at->register_parameter(leaf, value) : at->register_buffer(leaf, value);
}

}  // namespace

UnetGenerator::Layer UnetGenerator::make_layer(const std::string& name, const std::vector<int64_t>& sizes, int64_t out,
                                               bool bias, const std::string& norm) {
  Layer layer;
  layer.name = name;
  layer.weight = add_tensor(*this, name + ".weight", torch::randn(sizes) * kDeviation);
  if (bias) layer.bias = add_tensor(*this, name + ".bias", torch::zeros({out}));
  layer.normalized = !norm.empty();
  if (!layer.normalized || !shape_.batch_norm()) return layer;
  layer.norm.gain = add_tensor(*this, norm + ".weight", torch::randn({out}) * kDeviation + 1);
  layer.norm.shift = add_tensor(*this, norm + ".bias", torch::zeros({out}));
  layer.norm.mean = add_tensor(*this, norm + ".running_mean", torch::zeros({out}), /*trained=*/false);
  layer.norm.var = add_tensor(*this, norm + ".running_var", torch::ones({out}), /*trained=*/false);
  return layer;
}

UnetGenerator::UnetGenerator(const UnetShape& shape) : shape_(shape) {
  const auto names = block_names(shape.levels());
  const bool bias = !shape.batch_norm();
  for (int64_t i = 0; i < shape.levels(); ++i) {
    const std::string& block = names[static_cast<size_t>(i)];
    const bool outermost = i == 0, innermost = i + 1 == shape.levels();
    const int64_t outer = shape.outer(i), inner = shape.channels[static_cast<size_t>(i)];
    const auto at = [&](int number) { return block + std::to_string(number); };
    // Activations, and what is within, have the numbers between.
    Level level;
    level.down = make_layer(at(outermost ? 0 : 1), {inner, outer, kKernel, kKernel}, inner, bias,
                            outermost || innermost ? "" : at(2));
    level.up = make_layer(at(outermost || innermost ? 3 : 5), {shape.doubled_from(i), outer, kKernel, kKernel}, outer,
                          bias || outermost, outermost ? "" : at(innermost ? 4 : 6));
    levels_.push_back(level);
  }
}

Tensor UnetGenerator::normalize(const Tensor& x, const Layer& layer) const {
  const Norm& norm = layer.norm;
  if (!norm.gain.defined()) {
    const Tensor ones = torch::ones({x.size(1)}, x.options().dtype(torch::kFloat).requires_grad(false));
    return ops::group_norm(x, x.size(1), ones, at::zeros_like(ones), kNormEpsilon, ops::NormActivation::none);
  }
  const auto channels = [&](const Tensor& t) { return t.view({1, -1, 1, 1}).to(x.scalar_type()); };
  const Tensor factor = norm.gain * (norm.var + kNormEpsilon).rsqrt();
  return x * channels(factor) + channels(norm.shift - norm.mean * factor);
}

Tensor UnetGenerator::translate(const Tensor& images) {
  const ops::ReferenceScope scope(reference());
  const auto finished = [this](const Layer& layer, Tensor x) {
    if (layer.bias.defined()) x = ops::bias_act(x, layer.bias, {1, 1});
    return layer.normalized ? normalize(x, layer) : x;
  };
  std::vector<Tensor> sizes;  // what each halving made, from the image inward
  Tensor x = ops::working_layout(images);
  for (const Level& level : levels_) {
    const bool outermost = &level == &levels_.front();
    if (!outermost) x = at::leaky_relu(x, kSlope);
    x = finished(level.down, ops::conv2d(x, level.down.weight, 2, 1));
    // The first and the last convolution, which see pixels, are computed in float32.
    if (outermost) x = x.to(activations_);
    sizes.push_back(x);
  }
  for (size_t i = levels_.size(); i-- > 0;) {
    const Layer& up = levels_[i].up;
    if (i + 1 < levels_.size()) x = at::cat({sizes[i], x}, 1);
    if (i == 0) x = ops::to_float32(x);
    x = at::relu(x);
    x = finished(up, ops::conv2d_transpose(x, up.weight, 2 * x.size(2), 2 * x.size(3), 2, 1));
  }
  return at::tanh(x);
}

std::string UnetGenerator::layer_to_onnx(OnnxGraph& graph, const Layer& layer, const std::string& x,
                                         bool doubles) const {
  using Numbers = std::vector<int64_t>;
  const OnnxGraph::Scope scope(graph, layer.name);
  std::vector<std::string> inputs{x, graph.constant("weight", layer.weight)};
  if (layer.bias.defined()) inputs.push_back(graph.constant("bias", layer.bias));
  std::string y = graph.node(doubles ? "ConvTranspose" : "Conv", inputs,
                             {{"strides", Numbers{2, 2}}, {"pads", Numbers{1, 1, 1, 1}}});
  if (!layer.normalized) return y;
  const Norm& norm = layer.norm;
  if (norm.gain.defined()) {
    return graph.node("BatchNormalization",
                      {y, graph.constant("gain", norm.gain), graph.constant("shift", norm.shift),
                       graph.constant("mean", norm.mean), graph.constant("var", norm.var)},
                      {{"epsilon", kNormEpsilon}});
  }
  const int64_t channels = layer.weight.size(doubles ? 1 : 0);
  return graph.node(
      "InstanceNormalization",
      {y, graph.constant("ones", torch::ones({channels})), graph.constant("zeros", torch::zeros({channels}))},
      {{"epsilon", kNormEpsilon}});
}

std::string UnetGenerator::to_onnx(OnnxGraph& graph, const std::string& images) const {
  std::vector<std::string> sizes;
  std::string x = images;
  for (const Level& level : levels_) {
    if (&level != &levels_.front()) x = graph.node("LeakyRelu", {x}, {{"alpha", kSlope}});
    x = layer_to_onnx(graph, level.down, x, /*doubles=*/false);
    sizes.push_back(x);
  }
  for (size_t i = levels_.size(); i-- > 0;) {
    if (i + 1 < levels_.size()) x = graph.node("Concat", {sizes[i], x}, {{"axis", int64_t{1}}});
    x = layer_to_onnx(graph, levels_[i].up, graph.node("Relu", {x}), /*doubles=*/true);
  }
  return graph.node("Tanh", {x});
}

}  // namespace dgl
