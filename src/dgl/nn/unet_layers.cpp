#include "dgl/nn/unet_layers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/conv_act.h"
#include "dgl/ops/group_norm.h"
#include "dgl/ops/pointwise.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr ops::Activation kLinear{1, 1}, kRectified{0, 1};

/// [N, C, H, W] as [N, H * W, C], without a copy if it is channels-last.
Tensor as_tokens(const Tensor& x) { return x.permute({0, 2, 3, 1}).reshape({x.size(0), -1, x.size(1)}); }

std::string onnx_reshape(OnnxGraph& graph, const std::string& x, const std::vector<int64_t>& sizes) {
  return graph.node("Reshape", {x, graph.constant("shape", torch::tensor(sizes, torch::kLong))});
}

std::string onnx_turned(OnnxGraph& graph, const std::string& x) {
  return graph.node("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
}

}  // namespace

int64_t GroupRule::groups(int64_t of_channels) const {
  int64_t count = std::max<int64_t>(1, std::min(most, of_channels / channels));
  while (of_channels % count != 0) --count;
  return count;
}

Convolution::Convolution(int64_t in, int64_t out, int64_t kernel, bool bias) : kernel_(kernel) {
  const double bound = 1 / std::sqrt(static_cast<double>(in * kernel * kernel));
  weight_ = register_parameter("weight", torch::empty({out, in, kernel, kernel}).uniform_(-bound, bound));
  if (bias) bias_ = register_parameter("bias", torch::empty({out}).uniform_(-bound, bound));
}

Tensor Convolution::forward(const Tensor& x, bool relu) {
  if (!bias_.defined()) return ops::conv2d(x, weight_, 1, kernel_ / 2);
  if (kernel_ == 3) return ops::conv_act(x, weight_, bias_, relu ? kRectified : kLinear);
  return ops::bias_act(ops::pointwise(x, weight_.view({1, weight_.size(0), -1})), bias_, kLinear);
}

Tensor Convolution::halve(const Tensor& x, Step step) {
  const Tensor y = step == Step::halve_around ? ops::conv2d(x, weight_, 2, 1)
                                              : ops::conv2d(at::constant_pad_nd(x, {0, 1, 0, 1}), weight_, 2, 0);
  return bias_.defined() ? ops::bias_act(y, bias_, kLinear) : y;
}

std::string Convolution::to_onnx(OnnxGraph& graph, const std::string& x, Step step) const {
  const auto pads = step == Step::halve ? std::vector<int64_t>{0, 0, 1, 1} : std::vector<int64_t>(4, kernel_ / 2);
  OnnxGraph::Attributes attributes{{"pads", pads}};
  if (step != Step::keep) attributes.emplace_back("strides", std::vector<int64_t>{2, 2});
  std::vector<std::string> inputs{x, graph.constant("weight", weight_)};
  if (bias_.defined()) inputs.push_back(graph.constant("bias", bias_));
  return graph.node("Conv", inputs, attributes);
}

GroupNorm::GroupNorm(int64_t channels, const GroupRule& rule, bool silu) : groups_(rule.groups(channels)), silu_(silu) {
  weight_ = register_parameter("weight", torch::ones({channels}));
  bias_ = register_parameter("bias", torch::zeros({channels}));
}

Tensor GroupNorm::forward(const Tensor& x) { return ops::group_norm(x, groups_, weight_, bias_, kNormEpsilon, silu_); }

std::string GroupNorm::to_onnx(OnnxGraph& graph, const std::string& x) const {
  // Operator set 13 has no group norm: groups become the channels of an instance norm.
  const std::string ones = graph.constant("ones", torch::ones({groups_})),
                    zeros = graph.constant("zeros", torch::zeros({groups_}));
  const std::string normalized = graph.node(
      "InstanceNormalization", {onnx_reshape(graph, x, {0, groups_, -1}), ones, zeros}, {{"epsilon", kNormEpsilon}});
  const std::string maps = graph.node("Reshape", {normalized, graph.node("Shape", {x})});
  const auto as_maps = [](const Tensor& v) { return v.view({1, -1, 1, 1}); };
  const std::string scaled = graph.node("Mul", {maps, graph.constant("weight", as_maps(weight_))});
  const std::string y = graph.node("Add", {scaled, graph.constant("bias", as_maps(bias_))});
  return silu_ ? graph.node("Mul", {y, graph.node("Sigmoid", {y})}) : y;
}

ResidualBlock::ResidualBlock(int64_t in, int64_t out, const GroupRule& rule) {
  norm1_ = register_module("norm1", std::make_shared<GroupNorm>(in, rule, /*silu=*/true));
  conv1_ = register_module("conv1", std::make_shared<Convolution>(in, out, 3));
  norm2_ = register_module("norm2", std::make_shared<GroupNorm>(out, rule, /*silu=*/true));
  conv2_ = register_module("conv2", std::make_shared<Convolution>(out, out, 3));
  if (in != out) shortcut_ = register_module("nin_shortcut", std::make_shared<Convolution>(in, out, 1));
}

Tensor ResidualBlock::forward(const Tensor& x) {
  const Tensor h = conv2_->forward(norm2_->forward(conv1_->forward(norm1_->forward(x))));
  return (shortcut_ ? shortcut_->forward(x) : x) + h;
}

std::string ResidualBlock::to_onnx(OnnxGraph& graph, const std::string& x) const {
  const auto layer = [&](const char* name, const auto& module, const std::string& input) {
    const OnnxGraph::Scope scope(graph, name);
    return module.to_onnx(graph, input);
  };
  std::string h = layer("conv1", *conv1_, layer("norm1", *norm1_, x));
  h = layer("conv2", *conv2_, layer("norm2", *norm2_, h));
  return graph.node("Add", {shortcut_ ? layer("nin_shortcut", *shortcut_, x) : x, h});
}

void ResidualBlock::count(CostCounter& counter, int64_t in, int64_t out, int64_t pixels) {
  count_norm(counter, in);
  counter.conv(in, out, 3, pixels, true);
  count_norm(counter, out);
  counter.conv(out, out, 3, pixels, true);
  if (in != out) counter.conv(in, out, 1, pixels, true);
}

std::string ResidualBlock::put_axes(ChannelLayout& layout, const std::string& name, const std::string& in,
                                    bool shortcut) {
  const std::string out = shortcut ? name : in, hidden = name + ".conv1";
  put_norm_axes(layout, name + ".norm1", in);
  put_convolution_axes(layout, name + ".conv1", in, hidden);
  put_norm_axes(layout, name + ".norm2", hidden);
  put_convolution_axes(layout, name + ".conv2", hidden, out);
  if (shortcut) put_convolution_axes(layout, name + ".nin_shortcut", in, out);
  return out;
}

AttentionBlock::AttentionBlock(int64_t channels, const GroupRule& rule) {
  norm_ = register_module("norm", std::make_shared<GroupNorm>(channels, rule, /*silu=*/false));
  q_ = register_module("q", std::make_shared<Convolution>(channels, channels, 1));
  k_ = register_module("k", std::make_shared<Convolution>(channels, channels, 1));
  v_ = register_module("v", std::make_shared<Convolution>(channels, channels, 1));
  proj_out_ = register_module("proj_out", std::make_shared<Convolution>(channels, channels, 1));
}

Tensor AttentionBlock::forward(const Tensor& x) {
  const Tensor h = norm_->forward(x);
  const Tensor query = ops::to_float32(as_tokens(q_->forward(h))), key = ops::to_float32(as_tokens(k_->forward(h))),
               value = ops::to_float32(as_tokens(v_->forward(h)));
  const double scale = 1 / std::sqrt(static_cast<double>(x.size(1)));
  const Tensor weights = at::softmax(at::bmm(query, key.transpose(1, 2)) * scale, -1);
  const Tensor attended = at::bmm(weights, value).to(x.scalar_type());
  const Tensor maps = attended.view({x.size(0), x.size(2), x.size(3), x.size(1)}).permute({0, 3, 1, 2});
  return x + proj_out_->forward(maps);
}

std::string AttentionBlock::to_onnx(OnnxGraph& graph, const std::string& x, int64_t height, int64_t width) const {
  const auto layer = [&](const char* name, const auto& module, const std::string& input) {
    const OnnxGraph::Scope scope(graph, name);
    return module.to_onnx(graph, input);
  };
  const std::string h = layer("norm", *norm_, x);
  const auto rows = [&](const char* name, const Convolution& conv) {  // [N, C, H * W]
    return onnx_reshape(graph, layer(name, conv, h), {0, 0, -1});
  };
  const auto channels = static_cast<double>(q_->weight().size(0));
  const std::string scale = graph.constant("scale", torch::tensor(1 / std::sqrt(channels), torch::kFloat));
  const std::string scores = graph.node("MatMul", {onnx_turned(graph, rows("q", *q_)), rows("k", *k_)});
  const std::string weights = graph.node("Softmax", {graph.node("Mul", {scores, scale})}, {{"axis", int64_t{-1}}});
  const std::string attended = graph.node("MatMul", {rows("v", *v_), onnx_turned(graph, weights)});
  return graph.node("Add", {x, layer("proj_out", *proj_out_, onnx_reshape(graph, attended, {0, 0, height, width}))});
}

void AttentionBlock::count(CostCounter& counter, int64_t channels, int64_t pixels) {
  count_norm(counter, channels);
  for (int i = 0; i < 4; ++i) counter.conv(channels, channels, 1, pixels, true);
  counter.cost.macs += 2 * pixels * pixels * channels;
}

void AttentionBlock::put_axes(ChannelLayout& layout, const std::string& name, const std::string& group) {
  put_norm_axes(layout, name + ".norm", group);
  put_convolution_axes(layout, name + ".q", group, name + ".query");
  put_convolution_axes(layout, name + ".k", group, name + ".query");
  put_convolution_axes(layout, name + ".v", group, name + ".value");
  put_convolution_axes(layout, name + ".proj_out", name + ".value", group);
}

Resampling::Resampling(int64_t channels, bool up) : up_(up) {
  conv_ = register_module("conv", std::make_shared<Convolution>(channels, channels, 3));
}

Tensor Resampling::forward(const Tensor& x) {
  return up_ ? conv_->forward(ops::upsample_nearest(x, 2 * x.size(2), 2 * x.size(3))) : conv_->halve(x);
}

std::string Resampling::to_onnx(OnnxGraph& graph, const std::string& x) const {
  return up_ ? conv_->to_onnx(graph, onnx_upsampled(graph, x)) : conv_->to_onnx(graph, x, Convolution::Step::halve);
}

void put_convolution_axes(ChannelLayout& layout, const std::string& name, const std::string& in, const std::string& out,
                          bool bias) {
  layout[name + ".weight"] = {{.group = out}, {.group = in, .input = !in.empty()}, {}, {}};
  if (bias) layout[name + ".bias"] = {{.group = out}};
}

void put_norm_axes(ChannelLayout& layout, const std::string& name, const std::string& group) {
  layout[name + ".weight"] = {{.group = group}};
  layout[name + ".bias"] = {{.group = group}};
}

void count_norm(CostCounter& counter, int64_t channels) { counter.cost.params += 2 * channels; }

}  // namespace dgl
