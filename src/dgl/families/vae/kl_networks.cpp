#include "dgl/families/vae/kl_networks.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

namespace {

using Blocks = std::vector<std::shared_ptr<ResidualBlock>>;
using Attentions = std::vector<std::shared_ptr<AttentionBlock>>;

/// The blocks of a level, registered as "block.N" and "attn.N" of `level`. The first takes `in` channels.
std::pair<Blocks, Attentions> make_level(torch::nn::Module& level, int64_t in, int64_t out, int64_t count, bool attends,
                                         const GroupRule& rule) {
  std::pair<Blocks, Attentions> made;
  auto blocks = add_folder(level, "block"), attentions = add_folder(level, "attn");
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = std::to_string(i);
    made.first.push_back(blocks->register_module(name, std::make_shared<ResidualBlock>(i == 0 ? in : out, out, rule)));
    if (attends) {
      made.second.push_back(attentions->register_module(name, std::make_shared<AttentionBlock>(out, rule)));
    }
  }
  return made;
}

Tensor run_level(const Blocks& blocks, const Attentions& attentions, Tensor x) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    x = blocks[i]->forward(x);
    if (!attentions.empty()) x = attentions[i]->forward(x);
  }
  return x;
}

std::string add_level(OnnxGraph& graph, const std::string& name, const Blocks& blocks, const Attentions& attentions,
                      std::string x, int64_t side) {
  const OnnxGraph::Scope scope(graph, name);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string number = std::to_string(i);
    x = add_to_graph(graph, "block." + number, *blocks[i], x);
    if (!attentions.empty()) x = add_to_graph(graph, "attn." + number, *attentions[i], x, side, side);
  }
  return x;
}

/// Axes of a level's blocks; returns the channel group of its output.
std::string put_level_axes(ChannelLayout& layout, const std::string& level, std::string group, int64_t count,
                           bool changes, bool attends) {
  for (int64_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    group = ResidualBlock::put_axes(layout, level + ".block." + number, {.x = group}, changes && i == 0);
    if (attends) AttentionBlock::put_axes(layout, level + ".attn." + number, group);
  }
  return group;
}

}  // namespace

KlEncoder::KlEncoder(const KlShape& shape) : shape_(shape) {
  conv_in_ = register_module("conv_in", std::make_shared<Convolution>(shape.img_channels, shape.first_channels, 3));
  auto levels = add_folder(*this, "down");
  int64_t in = shape.first_channels;
  for (int64_t i = 0; i < shape.levels(); ++i) {
    const int64_t out = shape.channels[static_cast<size_t>(i)];
    auto level = add_folder(*levels, std::to_string(i));
    auto [blocks, attentions] = make_level(*level, in, out, shape.blocks, shape.attends(i), shape.groups);
    blocks_.push_back(std::move(blocks));
    attention_.push_back(std::move(attentions));
    if (i + 1 < shape.levels()) {
      down_.push_back(level->register_module("downsample", std::make_shared<Resampling>(out, /*up=*/false)));
    }
    in = out;
  }
  middle_ = register_module("mid", std::make_shared<MiddleBlocks>(in, shape.groups));
  norm_out_ = register_module("norm_out", std::make_shared<GroupNorm>(in, shape.groups, /*silu=*/true));
  conv_out_ = register_module("conv_out", std::make_shared<Convolution>(in, 2 * shape.z_channels, 3));
  quant_conv_ =
      register_module("quant_conv", std::make_shared<Convolution>(2 * shape.z_channels, 2 * shape.embed_dim, 1));
}

Tensor KlEncoder::encode(const Tensor& images) {
  const ops::ReferenceScope scope(reference());
  Tensor x = conv_in_->forward(ops::working_layout(images)).to(activations_);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = run_level(blocks_[i], attention_[i], x);
    if (i < down_.size()) x = down_[i]->forward(x);
  }
  x = middle_->forward(x);
  return quant_conv_->forward(conv_out_->forward(ops::to_float32(norm_out_->forward(x))));
}

std::string KlEncoder::to_onnx(OnnxGraph& graph, const std::string& images) const {
  std::string x = add_to_graph(graph, "conv_in", *conv_in_, images);
  int64_t side = shape_.resolution;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const std::string level = "down." + std::to_string(i);
    x = add_level(graph, level, blocks_[i], attention_[i], x, side);
    if (i == down_.size()) continue;
    x = add_to_graph(graph, level + ".downsample", *down_[i], x);
    side /= 2;
  }
  x = add_to_graph(graph, "norm_out", *norm_out_, add_to_graph(graph, "mid", *middle_, x, side));
  return add_to_graph(graph, "quant_conv", *quant_conv_, add_to_graph(graph, "conv_out", *conv_out_, x));
}

ChannelLayout KlEncoder::channel_layout() const {
  ChannelLayout layout;
  std::string group = "conv_in";
  put_convolution_axes(layout, "conv_in", "", group);
  int64_t in = shape_.first_channels;
  for (int64_t i = 0; i < shape_.levels(); ++i) {
    const std::string level = "down." + std::to_string(i);
    const int64_t out = shape_.channels[static_cast<size_t>(i)];
    group = put_level_axes(layout, level, group, shape_.blocks, in != out, shape_.attends(i));
    in = out;
    if (i + 1 == shape_.levels()) continue;
    put_convolution_axes(layout, level + ".downsample.conv", group, level + ".downsample");
    group = level + ".downsample";
  }
  MiddleBlocks::put_axes(layout, "mid", group);
  put_norm_axes(layout, "norm_out", group);
  put_convolution_axes(layout, "conv_out", group, "");
  return layout;
}

KlDecoder::KlDecoder(const KlShape& shape) : shape_(shape) {
  post_quant_conv_ =
      register_module("post_quant_conv", std::make_shared<Convolution>(shape.embed_dim, shape.z_channels, 1));
  int64_t in = shape.channels.back();
  conv_in_ = register_module("conv_in", std::make_shared<Convolution>(shape.z_channels, in, 3));
  middle_ = register_module("mid", std::make_shared<MiddleBlocks>(in, shape.groups));
  auto levels = add_folder(*this, "up");
  for (int64_t i = 0; i < shape.levels(); ++i) add_folder(*levels, std::to_string(i));
  blocks_.resize(shape.channels.size());
  attention_.resize(shape.channels.size());
  up_.resize(shape.channels.size());
  for (int64_t i = shape.levels() - 1; i >= 0; --i) {
    const auto at = static_cast<size_t>(i);
    const int64_t out = shape.channels[at];
    const auto level = levels->children()[at];
    std::tie(blocks_[at], attention_[at]) =
        make_level(*level, in, out, shape.blocks + 1, shape.attends(i), shape.groups);
    if (i > 0) up_[at] = level->register_module("upsample", std::make_shared<Resampling>(out, /*up=*/true));
    in = out;
  }
  norm_out_ = register_module("norm_out", std::make_shared<GroupNorm>(in, shape.groups, /*silu=*/true));
  conv_out_ = register_module("conv_out", std::make_shared<Convolution>(in, shape.img_channels, 3));
}

Tensor KlDecoder::decode(const Tensor& latents) {
  const ops::ReferenceScope scope(reference());
  Tensor x = conv_in_->forward(post_quant_conv_->forward(ops::working_layout(latents))).to(activations_);
  x = middle_->forward(x);
  for (size_t i = blocks_.size(); i-- > 0;) {
    x = run_level(blocks_[i], attention_[i], x);
    if (up_[i]) x = up_[i]->forward(x);
  }
  return conv_out_->forward(ops::to_float32(norm_out_->forward(x)));
}

std::string KlDecoder::to_onnx(OnnxGraph& graph, const std::string& latents) const {
  std::string x =
      add_to_graph(graph, "conv_in", *conv_in_, add_to_graph(graph, "post_quant_conv", *post_quant_conv_, latents));
  int64_t side = shape_.side();
  x = add_to_graph(graph, "mid", *middle_, x, side);
  for (size_t i = blocks_.size(); i-- > 0;) {
    const std::string level = "up." + std::to_string(i);
    x = add_level(graph, level, blocks_[i], attention_[i], x, side);
    if (!up_[i]) continue;
    x = add_to_graph(graph, level + ".upsample", *up_[i], x);
    side *= 2;
  }
  return add_to_graph(graph, "conv_out", *conv_out_, add_to_graph(graph, "norm_out", *norm_out_, x));
}

ChannelLayout KlDecoder::channel_layout() const {
  ChannelLayout layout;
  std::string group = "conv_in";
  put_convolution_axes(layout, "conv_in", "", group);
  MiddleBlocks::put_axes(layout, "mid", group);
  int64_t in = shape_.channels.back();
  for (int64_t i = shape_.levels() - 1; i >= 0; --i) {
    const std::string level = "up." + std::to_string(i);
    const int64_t out = shape_.channels[static_cast<size_t>(i)];
    group = put_level_axes(layout, level, group, shape_.blocks + 1, in != out, shape_.attends(i));
    in = out;
    if (i == 0) continue;
    put_convolution_axes(layout, level + ".upsample.conv", group, level + ".upsample");
    group = level + ".upsample";
  }
  put_norm_axes(layout, "norm_out", group);
  put_convolution_axes(layout, "conv_out", group, "");
  return layout;
}

}  // namespace dgl
