#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {

using torch::Tensor;

namespace {

/// The gain of leaky ReLU is folded into the preceding operation, because max(0.2 x, x) scales with x.
const double kActivationGain = std::sqrt(2.0);

std::string leaky_relu(OnnxGraph& graph, const std::string& x) {
  return graph.node("LeakyRelu", {x}, {{"alpha", 0.2}});
}

std::string epsilon(OnnxGraph& graph) {
  return graph.constant("epsilon", torch::tensor(kStyleGan2Epsilon, torch::kFloat));
}

/// Returns x / sqrt(mean(x^2) + epsilon) of x [N, C].
std::string normalized(OnnxGraph& graph, const std::string& x) {
  const std::string mean = graph.node("ReduceMean", {graph.node("Mul", {x, x})}, {{"axes", std::vector<int64_t>{1}}});
  return graph.node("Div", {x, graph.node("Sqrt", {graph.node("Add", {mean, epsilon(graph)})})});
}

/// Returns the filter [channels, 1, 4, 4] of an image that was upsampled with zeros, applied to each channel
/// separately.
std::string upsampling_filter(OnnxGraph& graph, int64_t channels) {
  const Tensor taps = torch::tensor(ops::fir_1331(), torch::kFloat);
  return graph.constant("filter", (4 * at::outer(taps, taps)).view({1, 1, 4, 4}).expand({channels, 1, 4, 4}));
}

}  // namespace

std::string EqualLinear::to_onnx(OnnxGraph& graph, const std::string& x, double gain) const {
  if (activate_) gain *= kActivationGain;
  const std::string y = onnx_linear(graph, x, weight_ * (weight_gain_ * gain), bias_ * (bias_gain_ * gain));
  return activate_ ? leaky_relu(graph, y) : y;
}

std::string EqualLinear::embed_to_onnx(OnnxGraph& graph, const std::string& places) const {
  return graph.node("Gather", {graph.constant("table", weight_.t() * weight_gain_ + bias_ * bias_gain_), places});
}

std::string StyleGan2Mapping::to_onnx(OnnxGraph& graph, const std::string& z, const std::string& labels) const {
  const OnnxGraph::Scope mapping(graph, "mapping");
  std::vector<std::string> parts{normalized(graph, z)};
  if (embed_) parts.push_back(normalized(graph, embed_->embed_to_onnx(graph, labels)));
  std::string w = parts.size() == 1 ? parts[0] : graph.node("Concat", parts, {{"axis", int64_t{1}}});
  for (size_t i = 0; i < layers_.size(); ++i) {
    const OnnxGraph::Scope layer(graph, "fc" + std::to_string(i));
    w = layers_[i]->to_onnx(graph, w);
  }
  return w;
}

std::string SynthesisLayer::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& w) const {
  const std::string styles = affine_->to_onnx(graph, w);
  const std::string squares = graph.constant("squares", weight_.square().sum({2, 3}).t());
  const std::string power = graph.node("MatMul", {graph.node("Mul", {styles, styles}), squares});
  const std::string deviation = graph.node("Sqrt", {graph.node("Add", {power, epsilon(graph)})});

  std::string y = graph.node("Mul", {x, onnx_as_maps(graph, styles)});
  const Tensor weight = weight_ * kActivationGain;
  if (up_) {
    y = graph.node("ConvTranspose", {y, graph.constant("weight", weight.transpose(0, 1))},
                   {{"strides", std::vector<int64_t>{2, 2}}});
    y = graph.node("Conv", {y, upsampling_filter(graph, weight_.size(0))},
                   {{"group", weight_.size(0)}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  } else {
    y = graph.node("Conv", {y, graph.constant("weight", weight)}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  }
  y = graph.node("Div", {y, onnx_as_maps(graph, deviation)});
  if (noise_strength_.item<float>() != 0) {
    const Tensor noise = noise_const_ * noise_strength_ * kActivationGain;
    y = graph.node("Add", {y, graph.constant("noise", noise.view({1, 1, resolution_, resolution_}))});
  }
  y = graph.node("Add", {y, graph.constant("bias", (bias_ * kActivationGain).view({1, -1, 1, 1}))});
  return leaky_relu(graph, y);
}

std::string ToRgb::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& w) const {
  const std::string styles = onnx_as_maps(graph, affine_->to_onnx(graph, w, weight_gain_));
  return graph.node("Conv",
                    {graph.node("Mul", {x, styles}), graph.constant("weight", weight_), graph.constant("bias", bias_)});
}

std::string StyleGan2Generator::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const {
  std::string w = mapping_->to_onnx(graph, condition.latents, condition.labels);
  if (psi != 1) {
    w = graph.node("Add", {graph.node("Mul", {w, graph.constant("psi", torch::tensor(psi, torch::kFloat))}),
                           graph.constant("mean_latent", mapping_->mean_latent() * (1 - psi))});
  }
  return synthesis_to_onnx(graph, std::vector<std::string>(static_cast<size_t>(num_ws()), w));
}

std::vector<int64_t> StyleGan2Generator::sides() const {
  std::vector<int64_t> sides;
  for (size_t block = 0; block < layers_.size(); ++block) {
    // Each convolution has one, and the last to_rgb.
    sides.insert(sides.end(), up_layers_[block] ? 2 : 1, int64_t{4} << block);
  }
  sides.push_back(sides.back());
  return sides;
}

std::string StyleGan2Generator::map_to_onnx(OnnxGraph& graph, const ConditionNames& condition) const {
  return mapping_->to_onnx(graph, condition.latents, condition.labels);
}

std::string StyleGan2Generator::synthesize_to_onnx(OnnxGraph& graph, const std::string& ws) const {
  std::vector<std::string> of_layers;
  for (int64_t i = 0; i < num_ws(); ++i) {
    of_layers.push_back(
        graph.node("Gather", {ws, graph.constant("layer", torch::tensor(i, torch::kLong))}, {{"axis", int64_t{1}}}));
  }
  return synthesis_to_onnx(graph, of_layers);
}

std::string StyleGan2Generator::synthesis_to_onnx(OnnxGraph& graph, const std::vector<std::string>& ws) const {
  const OnnxGraph::Scope synthesis(graph, "synthesis");
  size_t next = 0;
  std::string x = graph.constant("const", const_.unsqueeze(0)), image;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const OnnxGraph::Scope block(graph, "b" + std::to_string(4 << i));
    const auto in_scope = [&](const char* name, const auto& layer, const std::string& w) {
      const OnnxGraph::Scope scope(graph, name);
      return layer->to_onnx(graph, x, w);
    };
    if (up_layers_[i]) x = in_scope("conv0", up_layers_[i], ws[next++]);
    x = in_scope("conv1", layers_[i], ws[next++]);
    const std::string rgb = in_scope("torgb", to_rgb_[i], ws[next]);
    if (image.empty()) {
      image = rgb;
      continue;
    }
    const std::string larger = graph.node("ConvTranspose", {image, upsampling_filter(graph, shape_.img_channels)},
                                          {{"group", shape_.img_channels},
                                           {"strides", std::vector<int64_t>{2, 2}},
                                           {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    image = graph.node("Add", {larger, rgb});
  }
  return image;
}

}  // namespace dgl
