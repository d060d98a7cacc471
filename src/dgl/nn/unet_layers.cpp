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

/// ChannelAxis::behind of one group, or of none if that is "".
std::vector<std::string> behind(const std::string& skip) {
  return skip.empty() ? std::vector<std::string>{} : std::vector<std::string>{skip};
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

Tensor Convolution::within(const Tensor& x) {
  const Tensor y = ops::conv2d(x, weight_, 1, 0);
  return bias_.defined() ? ops::bias_act(y, bias_, kLinear) : y;
}

std::string Convolution::to_onnx(OnnxGraph& graph, const std::string& x, Step step) const {
  const int64_t around = step == Step::within ? 0 : kernel_ / 2;
  const auto pads = step == Step::halve ? std::vector<int64_t>{0, 0, 1, 1} : std::vector<int64_t>(4, around);
  OnnxGraph::Attributes attributes{{"pads", pads}};
  if (step == Step::halve || step == Step::halve_around) attributes.emplace_back("strides", std::vector<int64_t>{2, 2});
  std::vector<std::string> inputs{x, graph.constant("weight", weight_)};
  if (bias_.defined()) inputs.push_back(graph.constant("bias", bias_));
  return graph.node("Conv", inputs, attributes);
}

GroupNorm::GroupNorm(int64_t channels, const GroupRule& rule, bool silu) : groups_(rule.groups(channels)), silu_(silu) {
  weight_ = register_parameter("weight", torch::ones({channels}));
  bias_ = register_parameter("bias", torch::zeros({channels}));
}

Tensor GroupNorm::forward(const Tensor& x) {
  return ops::group_norm(x, groups_, weight_, bias_, kNormEpsilon,
                         silu_ ? ops::NormActivation::silu : ops::NormActivation::none);
}

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

LinearLayer::LinearLayer(int64_t in, int64_t out) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight_ = register_parameter("weight", torch::empty({out, in}).uniform_(-bound, bound));
  bias_ = register_parameter("bias", torch::empty({out}).uniform_(-bound, bound));
}

Tensor LinearLayer::forward(const Tensor& x) { return at::linear(x, weight_, bias_); }

std::string LinearLayer::to_onnx(OnnxGraph& graph, const std::string& x) const {
  return onnx_linear(graph, x, weight_, bias_);
}

Tensor Dropout::operator()(const Tensor& x) const {
  if (p == 0 || !random.defined()) return x;
  return x * at::empty_like(x).bernoulli_(1 - p, random).div_(1 - p);
}

ResidualBlock::ResidualBlock(int64_t in, int64_t out, const GroupRule& rule, int64_t embedding) {
  norm1_ = register_module("norm1", std::make_shared<GroupNorm>(in, rule, /*silu=*/true));
  conv1_ = register_module("conv1", std::make_shared<Convolution>(in, out, 3));
  if (embedding > 0) embedding_ = register_module("temb_proj", std::make_shared<LinearLayer>(embedding, out));
  norm2_ = register_module("norm2", std::make_shared<GroupNorm>(out, rule, /*silu=*/true));
  conv2_ = register_module("conv2", std::make_shared<Convolution>(out, out, 3));
  if (in != out) shortcut_ = register_module("nin_shortcut", std::make_shared<Convolution>(in, out, 1));
}

Tensor ResidualBlock::forward(const Tensor& x, const Tensor& embedding, const Dropout& dropout) {
  Tensor h = conv1_->forward(norm1_->forward(x));
  if (embedding_) h = h + embedding_->forward(embedding).to(h.scalar_type()).unsqueeze(2).unsqueeze(3);
  h = conv2_->forward(dropout(norm2_->forward(h)));
  return (shortcut_ ? shortcut_->forward(x) : x) + h;
}

std::string ResidualBlock::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& embedding) const {
  std::string h = add_to_graph(graph, "conv1", *conv1_, add_to_graph(graph, "norm1", *norm1_, x));
  if (embedding_) {
    const std::string shift = add_to_graph(graph, "temb_proj", *embedding_, embedding);
    h = graph.node("Add", {h, onnx_as_maps(graph, shift)});
  }
  h = add_to_graph(graph, "conv2", *conv2_, add_to_graph(graph, "norm2", *norm2_, h));
  return graph.node("Add", {shortcut_ ? add_to_graph(graph, "nin_shortcut", *shortcut_, x) : x, h});
}

void ResidualBlock::count(CostCounter& counter, int64_t in, int64_t out, int64_t pixels, int64_t embedding) {
  count_norm(counter, in);
  counter.conv(in, out, 3, pixels, true);
  if (embedding > 0) counter.linear(embedding, out);
  count_norm(counter, out);
  counter.conv(out, out, 3, pixels, true);
  if (in != out) counter.conv(in, out, 1, pixels, true);
}

std::string ResidualBlock::put_axes(ChannelLayout& layout, const std::string& name, const Inputs& in, bool shortcut) {
  const std::string out = shortcut ? name : in.x, hidden = name + ".conv1";
  put_norm_axes(layout, name + ".norm1", in.x, in.skip);
  put_convolution_axes(layout, name + ".conv1", in.x, hidden, in.skip);
  if (!in.embedding.empty()) put_linear_axes(layout, name + ".temb_proj", in.embedding, hidden);
  put_norm_axes(layout, name + ".norm2", hidden);
  put_convolution_axes(layout, name + ".conv2", hidden, out);
  if (shortcut) put_convolution_axes(layout, name + ".nin_shortcut", in.x, out, in.skip);
  return out;
}

Tensor attend(const Tensor& queries, const Tensor& keys, const Tensor& values) {
  const Tensor query = ops::to_float32(as_tokens(queries)), key = ops::to_float32(as_tokens(keys)),
               value = ops::to_float32(as_tokens(values));
  const double scale = 1 / std::sqrt(static_cast<double>(queries.size(1)));
  const Tensor weights = at::softmax(at::bmm(query, key.transpose(1, 2)) * scale, -1);
  const Tensor attended = at::bmm(weights, value).to(queries.scalar_type());
  return attended.view({queries.size(0), queries.size(2), queries.size(3), queries.size(1)}).permute({0, 3, 1, 2});
}

std::string attend_to_onnx(OnnxGraph& graph, const std::string& queries, const std::string& keys,
                           const std::string& values, int64_t channels, int64_t height, int64_t width) {
  const auto rows = [&](const std::string& maps) { return onnx_reshape(graph, maps, {0, 0, -1}); };  // [N, C, H * W]
  const std::string scale =
      graph.constant("scale", torch::tensor(1 / std::sqrt(static_cast<double>(channels)), torch::kFloat));
  const std::string scores = graph.node("MatMul", {onnx_turned(graph, rows(queries)), rows(keys)});
  const std::string weights = graph.node("Softmax", {graph.node("Mul", {scores, scale})}, {{"axis", int64_t{-1}}});
  const std::string attended = graph.node("MatMul", {rows(values), onnx_turned(graph, weights)});
  return onnx_reshape(graph, attended, {0, 0, height, width});
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
  // One after the other, since gradients are summed in the reverse order.
  const Tensor queries = q_->forward(h), keys = k_->forward(h), values = v_->forward(h);
  return x + proj_out_->forward(attend(queries, keys, values));
}

std::string AttentionBlock::to_onnx(OnnxGraph& graph, const std::string& x, int64_t height, int64_t width) const {
  const std::string h = add_to_graph(graph, "norm", *norm_, x);
  const std::string queries = add_to_graph(graph, "q", *q_, h), keys = add_to_graph(graph, "k", *k_, h),
                    values = add_to_graph(graph, "v", *v_, h);
  const std::string maps = attend_to_onnx(graph, queries, keys, values, q_->weight().size(0), height, width);
  return graph.node("Add", {x, add_to_graph(graph, "proj_out", *proj_out_, maps)});
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

MiddleBlocks::MiddleBlocks(int64_t channels, const GroupRule& rule, int64_t embedding) {
  block1_ = register_module("block_1", std::make_shared<ResidualBlock>(channels, channels, rule, embedding));
  attention_ = register_module("attn_1", std::make_shared<AttentionBlock>(channels, rule));
  block2_ = register_module("block_2", std::make_shared<ResidualBlock>(channels, channels, rule, embedding));
}

Tensor MiddleBlocks::forward(const Tensor& x, const Tensor& embedding, const Dropout& dropout) {
  return block2_->forward(attention_->forward(block1_->forward(x, embedding, dropout)), embedding, dropout);
}

std::string MiddleBlocks::to_onnx(OnnxGraph& graph, const std::string& x, int64_t side,
                                  const std::string& embedding) const {
  const std::string h = add_to_graph(graph, "block_1", *block1_, x, embedding);
  return add_to_graph(graph, "block_2", *block2_, add_to_graph(graph, "attn_1", *attention_, h, side, side), embedding);
}

void MiddleBlocks::count(CostCounter& counter, int64_t channels, int64_t pixels, int64_t embedding) {
  ResidualBlock::count(counter, channels, channels, pixels, embedding);
  AttentionBlock::count(counter, channels, pixels);
  ResidualBlock::count(counter, channels, channels, pixels, embedding);
}

void MiddleBlocks::put_axes(ChannelLayout& layout, const std::string& name, const std::string& group,
                            const std::string& embedding) {
  const ResidualBlock::Inputs in{.x = group, .embedding = embedding};
  ResidualBlock::put_axes(layout, name + ".block_1", in, /*shortcut=*/false);
  AttentionBlock::put_axes(layout, name + ".attn_1", group);
  ResidualBlock::put_axes(layout, name + ".block_2", in, /*shortcut=*/false);
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

std::shared_ptr<torch::nn::Module> add_folder(torch::nn::Module& parent, const std::string& name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

void put_convolution_axes(ChannelLayout& layout, const std::string& name, const std::string& in, const std::string& out,
                          const std::string& skip, bool bias) {
  layout[name + ".weight"] = {{.group = out}, {.group = in, .behind = behind(skip), .input = !in.empty()}, {}, {}};
  if (bias) layout[name + ".bias"] = {{.group = out}};
}

void put_linear_axes(ChannelLayout& layout, const std::string& name, const std::string& in, const std::string& out) {
  layout[name + ".weight"] = {{.group = out}, {.group = in, .input = !in.empty()}};
  layout[name + ".bias"] = {{.group = out}};
}

void put_norm_axes(ChannelLayout& layout, const std::string& name, const std::string& group, const std::string& skip) {
  layout[name + ".weight"] = {{.group = group, .behind = behind(skip)}};
  layout[name + ".bias"] = {{.group = group, .behind = behind(skip)}};
}

void count_norm(CostCounter& counter, int64_t channels) { counter.cost.params += 2 * channels; }

}  // namespace dgl
