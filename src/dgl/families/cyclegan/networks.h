#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
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
class ResnetGenerator : public Network {
 public:
  explicit ResnetGenerator(const ResnetShape& shape);

  const ResnetShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;
  /// `images` to `images`.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;
  bool apply_to_onnx(OnnxGraph& graph) const override;

  /// Translates images [N, C, H, W], about -1 … 1; the result is float32 in -1 … 1. Throws Error for sides that it
  /// cannot take.
  torch::Tensor forward(const torch::Tensor& images);
  std::string to_onnx(OnnxGraph& graph, const std::string& images) const;
  /// The weight of the last convolution.
  const torch::Tensor& last_weight() const { return last_->weight(); }

 private:
  ResnetShape shape_;
  std::shared_ptr<Convolution> first_, last_;
  std::vector<std::shared_ptr<Convolution>> halving_;
  std::vector<std::shared_ptr<ReflectingBlock>> blocks_;
  std::vector<std::shared_ptr<DoublingConvolution>> doubling_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
