#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/norm_relu.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Reshapes [N, C, H, W] to [N, C, H * W].
std::string as_rows(OnnxGraph& graph, const std::string& x) {
  return graph.node("Reshape", {x, graph.constant("shape", torch::tensor({0, 0, -1}, torch::kLong))});
}

}  // namespace

std::string SpectralConv::to_onnx(OnnxGraph& graph, const std::string& x, const Tensor& bias, double gain) {
  std::vector<std::string> inputs{x, graph.constant("weight", normalized(Pass::evaluation()) * gain)};
  if (bias.defined()) inputs.push_back(graph.constant("bias", bias));
  return graph.node("Conv", inputs, {{"pads", std::vector<int64_t>(4, kernel_ / 2)}});
}

std::pair<Tensor, Tensor> BatchNorm::folded(const Tensor& gain, const Tensor& bias) const {
  const Tensor scale = gain * at::rsqrt(var_ + ops::NormStatistics{}.epsilon);
  return {scale, bias - mean_ * scale};
}

std::string ConditionalBatchNorm::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& condition) {
  const auto tables = [&](const Tensor& gain, const Tensor& bias) {
    const auto [scale, shift] = folded(gain, bias);
    return std::make_pair(graph.node("Gather", {graph.constant("gain", scale), condition}),
                          graph.node("Gather", {graph.constant("bias", shift), condition}));
  };
  const auto linear = [&] {
    // Gain and bias are linear in the condition, and remain so with the statistics folded in. There is a row for each
    // element of the condition and one for the constant.
    const Tensor gain = gain_->normalized(Pass::evaluation()).t(), bias = bias_->normalized(Pass::evaluation()).t();
    const auto [scale, shift] = folded(gain, bias);
    const auto [scale_of_one, shift_of_one] = folded(at::ones_like(gain[0]), at::zeros_like(bias[0]));
    return std::make_pair(onnx_linear(graph, condition, scale.t(), scale_of_one),
                          onnx_linear(graph, condition, shift.t(), shift_of_one));
  };
  const auto [scale, shift] = gain_ ? linear() : tables(1 + gain_table_, bias_table_);
  const std::string scaled = graph.node("Mul", {x, onnx_as_maps(graph, scale)});
  return graph.node("Relu", {graph.node("Add", {scaled, onnx_as_maps(graph, shift)})});
}

std::string SelfAttention::to_onnx(OnnxGraph& graph, const std::string& x, int64_t side) {
  const auto pooled = [&](SpectralConv& conv) {
    return as_rows(graph,
                   graph.node("MaxPool", {conv.to_onnx(graph, x, {})},
                              {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}}));
  };
  const auto turned = [&](const std::string& rows) {
    return graph.node("Transpose", {rows}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
  };
  const std::string query = turned(as_rows(graph, theta_->to_onnx(graph, x, {}))), key = pooled(*phi_),
                    value = pooled(*g_);
  const std::string weights = graph.node("Softmax", {graph.node("MatMul", {query, key})}, {{"axis", int64_t{-1}}});
  const std::string shape =
      graph.constant("shape", torch::tensor(std::vector<int64_t>{0, 0, side, side}, torch::kLong));
  const std::string attended = graph.node("Reshape", {graph.node("MatMul", {value, turned(weights)}), shape});
  return graph.node("Add", {x, o_->to_onnx(graph, attended, {}, gamma_.item<double>())});
}

std::string GeneratorBlock::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& condition) {
  std::string y = onnx_upsampled(graph, bn1_->to_onnx(graph, x, condition));
  y = conv1_->to_onnx(graph, y, conv1_->bias());
  y = conv2_->to_onnx(graph, bn2_->to_onnx(graph, y, condition), {});
  const std::string short_way = shortcut_->to_onnx(graph, x, conv2_->bias() + shortcut_->bias());
  return graph.node("Add", {y, onnx_upsampled(graph, short_way)});
}

std::string BigGanGenerator::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const {
  const std::string &z = condition.latents, &labels = condition.labels;
  const int64_t count = shape_.z_dim / shape_.chunk();
  const std::string latents =
      psi == 1 ? z : graph.node("Mul", {z, graph.constant("psi", torch::tensor(psi, torch::kFloat))});
  const std::vector<std::string> chunks =
      count == 1 ? std::vector<std::string>{latents} : graph.node("Split", {latents}, {{"axis", int64_t{1}}}, count);
  const std::string label =
      shared_.defined() ? graph.node("Gather", {graph.constant("shared", shared_), labels}) : labels;
  std::string x = onnx_linear(graph, chunks[0], linear_->normalized(Pass::evaluation()), linear_->bias());
  const Tensor first = torch::tensor(std::vector<int64_t>{0, shape_.first_channels, 4, 4}, torch::kLong);
  x = graph.node("Reshape", {x, graph.constant("shape", first)});
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const OnnxGraph::Scope block(graph, "blocks." + std::to_string(i));
    const std::string condition =
        shape_.hierarchical ? graph.node("Concat", {label, chunks[i + 1]}, {{"axis", int64_t{1}}}) : label;
    x = blocks_[i]->to_onnx(graph, x, condition);
    if (attention_[i]) x = attention_[i]->to_onnx(graph, x, 8 << i);
  }
  const OnnxGraph::Scope last(graph, "output_layer");
  const auto [scale, shift] = last_norm_->folded(last_gain_, last_bias_);
  const auto as_maps = [](const Tensor& v) { return v.view({1, -1, 1, 1}); };
  x = graph.node("Mul", {x, graph.constant("gain", as_maps(scale))});
  x = graph.node("Relu", {graph.node("Add", {x, graph.constant("bias", as_maps(shift))})});
  return graph.node("Tanh", {last_conv_->to_onnx(graph, x, last_conv_->bias())});
}

}  // namespace dgl
