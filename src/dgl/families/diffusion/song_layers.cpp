#include "dgl/families/diffusion/song_layers.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/frozen_weights.h"
#include "dgl/ops/pointwise.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr ops::Activation kUnchanged{1, 1};
const double kSumScale = std::sqrt(0.5);

/// A filter as a kernel [1, 1, taps, taps].
Tensor kernel_of(const ops::Resample& resample) {
  const Tensor taps = torch::tensor(resample.taps, torch::kDouble);
  return (at::outer(taps, taps) * resample.gain).to(torch::kFloat).view({1, 1, taps.numel(), taps.numel()});
}

/// Adds a filter that every channel is filtered with, as a convolution ("Conv") or its transpose ("ConvTranspose").
std::string onnx_filtered(OnnxGraph& graph, const char* op, const std::string& x, const Tensor& kernel,
                          int64_t channels, int64_t stride, int64_t padding) {
  return graph.node(op, {x, graph.constant("filter", kernel.expand({channels, 1, -1, -1}))},
                    {{"group", channels},
                     {"strides", std::vector<int64_t>{stride, stride}},
                     {"pads", std::vector<int64_t>(4, padding)}});
}

/// Zeros around feature maps that a filter of so many taps halves.
int64_t filter_padding(const std::vector<double>& taps) { return (static_cast<int64_t>(taps.size()) - 1) / 2; }

ops::Resample resample_of(Resizing resizing, const std::vector<double>& taps) {
  const int64_t padding = filter_padding(taps), last = static_cast<int64_t>(taps.size()) - 1;
  if (resizing == Resizing::halve) return {.taps = taps, .up = 1, .down = 2, .pad0 = padding, .pad1 = padding};
  return {.taps = taps, .up = 2, .down = 1, .pad0 = last - padding, .pad1 = padding, .gain = 4};
}

std::string onnx_times(OnnxGraph& graph, const std::string& x, double factor) {
  return graph.node("Mul", {x, graph.constant("factor", torch::tensor(factor, torch::kFloat))});
}

}  // namespace

FilterResampling::FilterResampling(Resizing resizing, const std::vector<double>& taps) : resizing_(resizing) {
  if (resizing == Resizing::keep) return;
  resample_ = resample_of(resizing, taps);
  kernel_ = kernel_of(resample_);
}

Tensor FilterResampling::forward(const Tensor& x) const {
  return resizing_ == Resizing::keep ? x : ops::upfirdn2d(x, resample_);
}

std::string FilterResampling::to_onnx(OnnxGraph& graph, const std::string& x, int64_t channels) const {
  if (resizing_ == Resizing::keep) return x;
  const char* op = resizing_ == Resizing::halve ? "Conv" : "ConvTranspose";
  return onnx_filtered(graph, op, x, kernel_, channels, /*stride=*/2, filter_padding(resample_.taps));
}

InterleavedProjections::InterleavedProjections(int64_t channels) {
  const double bound = 1 / std::sqrt(static_cast<double>(channels));
  weight_ = register_parameter("weight", torch::empty({3 * channels, channels, 1, 1}).uniform_(-bound, bound));
  bias_ = register_parameter("bias", torch::empty({3 * channels}).uniform_(-bound, bound));
}

std::vector<Tensor> InterleavedProjections::forward(const Tensor& x) {
  const int64_t channels = x.size(1);
  // All queries, all keys, all values, so that each is a slice of the product's channels.
  const Tensor weight = ops::FrozenWeights::derived(weight_, "projections", [&] {
    return weight_.view({channels, 3, channels}).transpose(0, 1).reshape({1, 3 * channels, channels});
  });
  const Tensor bias = ops::FrozenWeights::derived(bias_, "projections", [&] {
    return bias_.view({channels, 3}).t().reshape({3 * channels});
  });
  return ops::bias_act(ops::pointwise(x, weight), bias, kUnchanged).chunk(3, 1);
}

std::vector<std::string> InterleavedProjections::to_onnx(OnnxGraph& graph, const std::string& x) const {
  const int64_t channels = weight_.size(1);
  std::vector<std::string> made;
  for (int64_t i = 0; i < 3; ++i) {
    // Views, which a graph stores once.
    const Tensor weight = weight_.view({channels, 3, channels, 1, 1}).select(1, i);
    const Tensor bias = bias_.view({channels, 3}).select(1, i);
    made.push_back(graph.node("Conv", {x, graph.constant("weight", weight), graph.constant("bias", bias)}));
  }
  return made;
}

SongBlock::SongBlock(const SongBlockForm& form, const GroupRule& rule, int64_t embedding,
                     const std::vector<double>& taps)
    : form_(form), resampling_(form.resizing, taps) {
  norm0_ = register_module("norm0", std::make_shared<GroupNorm>(form.in, rule, /*silu=*/true));
  conv0_ = register_module("conv0", std::make_shared<Convolution>(form.in, form.out, 3));
  affine_ = register_module("affine", std::make_shared<LinearLayer>(embedding, form.out));
  norm1_ = register_module("norm1", std::make_shared<GroupNorm>(form.out, rule, /*silu=*/true));
  conv1_ = register_module("conv1", std::make_shared<Convolution>(form.out, form.out, 3));
  if (form.has_shortcut()) skip_ = register_module("skip", std::make_shared<Convolution>(form.in, form.out, 1));
  if (!form.attends) return;
  norm2_ = register_module("norm2", std::make_shared<GroupNorm>(form.out, rule, /*silu=*/false));
  qkv_ = register_module("qkv", std::make_shared<InterleavedProjections>(form.out));
  proj_ = register_module("proj", std::make_shared<Convolution>(form.out, form.out, 1));
}

Tensor SongBlock::forward(const Tensor& x, const Tensor& embedding, const Dropout& dropout) {
  Tensor h = conv0_->forward(resampling_.forward(norm0_->forward(x)));
  h = h + affine_->forward(embedding).to(h.scalar_type()).unsqueeze(2).unsqueeze(3);
  h = conv1_->forward(dropout(norm1_->forward(h)));
  h = (h + (skip_ ? skip_->forward(resampling_.forward(x)) : x)) * kSumScale;
  if (!form_.attends) return h;
  const std::vector<Tensor> qkv = qkv_->forward(norm2_->forward(h));
  return (h + proj_->forward(attend(qkv[0], qkv[1], qkv[2]))) * kSumScale;
}

std::string SongBlock::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& embedding) const {
  const std::string normed = add_to_graph(graph, "norm0", *norm0_, x);
  std::string h = add_to_graph(graph, "conv0", *conv0_, resampling_.to_onnx(graph, normed, form_.in));
  const std::string shift = onnx_as_maps(graph, add_to_graph(graph, "affine", *affine_, embedding));
  h = add_to_graph(graph, "norm1", *norm1_, graph.node("Add", {h, shift}));
  h = add_to_graph(graph, "conv1", *conv1_, h);
  const std::string beside = skip_ ? add_to_graph(graph, "skip", *skip_, resampling_.to_onnx(graph, x, form_.in)) : x;
  h = onnx_times(graph, graph.node("Add", {h, beside}), kSumScale);
  if (!form_.attends) return h;
  std::vector<std::string> qkv;
  {
    const std::string input = add_to_graph(graph, "norm2", *norm2_, h);
    const OnnxGraph::Scope scope(graph, "qkv");
    qkv = qkv_->to_onnx(graph, input);
  }
  const std::string attended = attend_to_onnx(graph, qkv[0], qkv[1], qkv[2], form_.out, form_.side, form_.side);
  return onnx_times(graph, graph.node("Add", {h, add_to_graph(graph, "proj", *proj_, attended)}), kSumScale);
}

void SongBlock::count(CostCounter& counter, const SongBlockForm& form, int64_t embedding) {
  const int64_t pixels = form.side * form.side;
  count_norm(counter, form.in);
  counter.conv(form.in, form.out, 3, pixels, true);
  counter.linear(embedding, form.out);
  count_norm(counter, form.out);
  counter.conv(form.out, form.out, 3, pixels, true);
  if (form.has_shortcut()) counter.conv(form.in, form.out, 1, pixels, true);
  if (form.attends) AttentionBlock::count(counter, form.out, pixels);
}

std::string SongBlock::put_axes(ChannelLayout& layout, const SongBlockForm& form, const ResidualBlock::Inputs& in) {
  const std::string& name = form.name;
  const std::string out = form.has_shortcut() ? name : in.x, hidden = name + ".conv0", heads = name + ".qkv";
  put_norm_axes(layout, name + ".norm0", in.x, in.skip);
  put_convolution_axes(layout, name + ".conv0", in.x, hidden, in.skip);
  put_linear_axes(layout, name + ".affine", in.embedding, hidden);
  put_norm_axes(layout, name + ".norm1", hidden);
  put_convolution_axes(layout, name + ".conv1", hidden, out);
  if (form.has_shortcut()) put_convolution_axes(layout, name + ".skip", in.x, out, in.skip);
  if (!form.attends) return out;
  put_norm_axes(layout, name + ".norm2", out);
  // A channel of the products stands for three, its query, its key and its value.
  layout[name + ".qkv.weight"] = {{.group = heads, .repeats = 3}, {.group = out, .input = true}, {}, {}};
  layout[name + ".qkv.bias"] = {{.group = heads, .repeats = 3}};
  put_convolution_axes(layout, name + ".proj", heads, out);
  return out;
}

PyramidLayer::PyramidLayer(int64_t in, int64_t out, const std::vector<double>& taps) {
  // The program filters what a convolution with zeros around the images made of them, at every other pixel. Filtering
  // them first is the same, and leaves the convolution a quarter of the pixels.
  const int64_t padding = 1 + filter_padding(taps);
  blur_ = {.taps = taps, .up = 1, .down = 1, .pad0 = padding, .pad1 = padding};
  kernel_ = kernel_of(blur_);
  const double bound = 1 / std::sqrt(static_cast<double>(9 * in));
  weight_ = register_parameter("weight", torch::empty({out, in, 3, 3}).uniform_(-bound, bound));
  bias_ = register_parameter("bias", torch::empty({out}).uniform_(-bound, bound));
}

Tensor PyramidLayer::forward(const Tensor& x) {
  return ops::bias_act(ops::conv2d(ops::upfirdn2d(x, blur_), weight_, /*stride=*/2, /*padding=*/0), bias_, kUnchanged);
}

std::string PyramidLayer::to_onnx(OnnxGraph& graph, const std::string& x) const {
  const std::string blurred =
      onnx_filtered(graph, "Conv", x, kernel_, weight_.size(1), /*stride=*/1, /*padding=*/blur_.pad0);
  return graph.node("Conv", {blurred, graph.constant("weight", weight_), graph.constant("bias", bias_)},
                    {{"strides", std::vector<int64_t>{2, 2}}});
}

}  // namespace dgl
