#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/generator.h"
#include "dgl/families/cyclegan/shape.h"
#include "dgl/nn/network.h"
#include "dgl/nn/unet_layers.h"

namespace dgl {

/// A depthwise 3x3 convolution within its input, an instance norm and a 1x1 convolution.
class SeparableConvolution : public torch::nn::Module {
 public:
  SeparableConvolution(int64_t in, int64_t out);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  torch::Tensor weight_, bias_;  // of the depthwise convolution
  std::shared_ptr<Convolution> pointwise_;
};

/// A transposed 3x3 convolution that doubles the size.
class DoublingConvolution : public torch::nn::Module {
 public:
  DoublingConvolution(int64_t in, int64_t out);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  torch::Tensor weight_, bias_;  // the weight is [in, out, 3, 3]
};

/// Two convolutions behind reflecting edges, each with an instance norm behind it and ReLU between them, added to their
/// input.
class ReflectingBlock : public torch::nn::Module {
 public:
  ReflectingBlock(int64_t channels, int64_t hidden, bool separable);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  /// One of the two; one of its members is null.
  struct Unit {
    std::string name;
    std::shared_ptr<Convolution> plain;
    std::shared_ptr<SeparableConvolution> separable;
  };
  std::vector<Unit> units_;
};

/// A generator that translates images, as junyanz/pytorch-CycleGAN-and-pix2pix builds it ("resnet_9blocks") and GAN
/// Compression narrows it. Parameters have that program's names ("model.10.conv_block.1.weight"). It takes images of
/// any sides that are multiples of ResnetShape::kMultiple, from kSmallest on. Fresh weights are N(0, 0.02), biases 0.
class ResnetGenerator : public TranslationGenerator {
 public:
  explicit ResnetGenerator(const ResnetShape& shape);

  const ResnetShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t img_channels() const override { return shape_.img_channels; }
  int64_t first_channels() const override { return shape_.channels.front(); }
  int64_t blocks() const override { return shape_.blocks(); }
  int64_t multiple() const override { return ResnetShape::kMultiple; }
  int64_t smallest_side() const override { return ResnetShape::kSmallest; }
  std::string to_onnx(OnnxGraph& graph, const std::string& images) const override;
  const torch::Tensor& last_weight() const override { return last_->weight(); }

 private:
  torch::Tensor translate(const torch::Tensor& images) override;

  ResnetShape shape_;
  std::shared_ptr<Convolution> first_, last_;
  std::vector<std::shared_ptr<Convolution>> halving_;
  std::vector<std::shared_ptr<ReflectingBlock>> blocks_;
  std::vector<std::shared_ptr<DoublingConvolution>> doubling_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
