#include "dgl/families/diffusion/ddpm_denoiser.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

DdpmDenoiser::Level DdpmDenoiser::make_level(torch::nn::Module& parent, int64_t level,
                                             const std::vector<int64_t>& inputs) const {
  Level made;
  const int64_t out = shape_.channels[static_cast<size_t>(level)];
  auto blocks = add_folder(parent, "block"), attentions = add_folder(parent, "attn");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = std::to_string(i);
    made.blocks.push_back(blocks->register_module(
        name, std::make_shared<ResidualBlock>(inputs[i], out, shape_.groups, shape_.embedding())));
    if (shape_.attends(level)) {
      made.attention.push_back(attentions->register_module(name, std::make_shared<AttentionBlock>(out, shape_.groups)));
    }
  }
  return made;
}

DdpmDenoiser::DdpmDenoiser(const DdpmShape& shape) : shape_(shape) {
  frequencies_ = even_frequencies(shape.first_channels / 2);
  auto dense = add_folder(*add_folder(*this, "temb"), "dense");
  embedding1_ = dense->register_module("0", std::make_shared<LinearLayer>(shape.first_channels, shape.embedding()));
  embedding2_ = dense->register_module("1", std::make_shared<LinearLayer>(shape.embedding(), shape.embedding()));
  if (shape.classes > 0) {
    label_embedding_ =
        add_folder(*this, "label_emb")->register_parameter("weight", torch::randn({shape.classes, shape.embedding()}));
  }
  conv_in_ = register_module("conv_in", std::make_shared<Convolution>(shape.img_channels, shape.first_channels, 3));
  const auto add_level = [](torch::nn::Module& levels, int64_t level) {
    return add_folder(levels, std::to_string(level));
  };
  auto down = add_folder(*this, "down");
  int64_t in = shape.first_channels;
  for (int64_t i = 0; i < shape.levels(); ++i) {
    const int64_t out = shape.channels[static_cast<size_t>(i)];
    auto folder = add_level(*down, i);
    std::vector<int64_t> inputs(static_cast<size_t>(shape.blocks), out);
    inputs[0] = in;
    Level level = make_level(*folder, i, inputs);
    if (i + 1 < shape.levels()) {
      level.resampling = folder->register_module("downsample", std::make_shared<Resampling>(out, /*up=*/false));
    }
    down_.push_back(std::move(level));
    in = out;
  }
  middle_ = register_module("mid", std::make_shared<MiddleBlocks>(in, shape.groups, shape.embedding()));
  auto up = add_folder(*this, "up");
  for (int64_t i = 0; i < shape.levels(); ++i) add_level(*up, i);
  up_.resize(shape.channels.size());
  auto skips = shape.skips();
  for (int64_t i = shape.levels() - 1; i >= 0; --i) {
    const int64_t out = shape.channels[static_cast<size_t>(i)];
    std::vector<int64_t> inputs;
    for (int64_t block = 0; block <= shape.blocks; ++block) {
      inputs.push_back((block == 0 ? in : out) + skips.back());
      skips.pop_back();
    }
    const auto folder = up->children()[static_cast<size_t>(i)];
    Level level = make_level(*folder, i, inputs);
    if (i > 0) level.resampling = folder->register_module("upsample", std::make_shared<Resampling>(out, /*up=*/true));
    up_[static_cast<size_t>(i)] = std::move(level);
    in = out;
  }
  norm_out_ = register_module("norm_out", std::make_shared<GroupNorm>(in, shape.groups, /*silu=*/true));
  conv_out_ = register_module("conv_out", std::make_shared<Convolution>(in, shape.img_channels, 3));
}

Tensor DdpmDenoiser::embed(const Tensor& times, const Tensor& labels) {
  Tensor embedding = embedding2_->forward(at::silu(embedding1_->forward(waves_of(times, frequencies_))));
  if (label_embedding_.defined()) embedding = embedding + label_embedding_.index_select(0, labels);
  return at::silu(embedding);
}

Tensor DdpmDenoiser::predict(const Tensor& x, const Tensor& times, const Tensor& labels, const Dropout& dropout) {
  const Tensor embedding = embed(times, labels);
  std::vector<Tensor> skips{conv_in_->forward(ops::working_layout(x)).to(activations())};
  const auto attended = [](const Level& level, size_t i, const Tensor& h) {
    return level.attention.empty() ? h : level.attention[i]->forward(h);
  };
  for (const Level& level : down_) {
    for (size_t i = 0; i < level.blocks.size(); ++i) {
      skips.push_back(attended(level, i, level.blocks[i]->forward(skips.back(), embedding, dropout)));
    }
    if (level.resampling) skips.push_back(level.resampling->forward(skips.back()));
  }
  Tensor h = middle_->forward(skips.back(), embedding, dropout);
  for (size_t at = up_.size(); at-- > 0;) {
    const Level& level = up_[at];
    for (size_t i = 0; i < level.blocks.size(); ++i) {
      const Tensor both = at::cat({h, skips.back()}, 1);
      skips.pop_back();
      h = attended(level, i, level.blocks[i]->forward(both, embedding, dropout));
    }
    if (level.resampling) h = level.resampling->forward(h);
  }
  return conv_out_->forward(ops::to_float32(norm_out_->forward(h)));
}

ChannelLayout DdpmDenoiser::channel_layout() const {
  ChannelLayout layout;
  // Sines and cosines of the same frequencies. No weight decides which stay: a narrow network has evenly spaced
  // frequencies of its own, and those of evenly spaced channels are nearest to them.
  const std::string frequencies = "frequencies", hidden = "temb.dense.0", embedding = "temb";
  layout["temb.dense.0.weight"] = {{.group = hidden}, {.group = frequencies, .behind = {frequencies}}};
  layout["temb.dense.0.bias"] = {{.group = hidden}};
  put_linear_axes(layout, "temb.dense.1", hidden, embedding);
  if (shape_.classes > 0) layout["label_emb.weight"] = {{}, {.group = embedding}};
  put_convolution_axes(layout, "conv_in", "", "conv_in");
  std::vector<std::string> skips{"conv_in"};
  int64_t in = shape_.first_channels;
  const auto put_attention = [&](const std::string& level, int64_t i, int64_t block, const std::string& group) {
    if (shape_.attends(i)) AttentionBlock::put_axes(layout, level + ".attn." + std::to_string(block), group);
  };
  for (int64_t i = 0; i < shape_.levels(); ++i) {
    const std::string level = "down." + std::to_string(i);
    const int64_t out = shape_.channels[static_cast<size_t>(i)];
    for (int64_t block = 0; block < shape_.blocks; ++block) {
      skips.push_back(ResidualBlock::put_axes(layout, level + ".block." + std::to_string(block),
                                              {.x = skips.back(), .embedding = embedding}, in != out));
      put_attention(level, i, block, skips.back());
      in = out;
    }
    if (i + 1 == shape_.levels()) continue;
    put_convolution_axes(layout, level + ".downsample.conv", skips.back(), level + ".downsample");
    skips.push_back(level + ".downsample");
  }
  std::string group = skips.back();
  MiddleBlocks::put_axes(layout, "mid", group, embedding);
  for (int64_t i = shape_.levels() - 1; i >= 0; --i) {
    const std::string level = "up." + std::to_string(i);
    for (int64_t block = 0; block <= shape_.blocks; ++block) {
      // More channels come in than go out, so that there is a shortcut always.
      group = ResidualBlock::put_axes(layout, level + ".block." + std::to_string(block),
                                      {.x = group, .skip = skips.back(), .embedding = embedding}, /*shortcut=*/true);
      skips.pop_back();
      put_attention(level, i, block, group);
    }
    if (i == 0) continue;
    put_convolution_axes(layout, level + ".upsample.conv", group, level + ".upsample");
    group = level + ".upsample";
  }
  put_norm_axes(layout, "norm_out", group);
  put_convolution_axes(layout, "conv_out", group, "");
  return layout;
}

}  // namespace dgl
