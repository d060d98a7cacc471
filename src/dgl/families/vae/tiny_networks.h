#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/vae/networks.h"
#include "dgl/families/vae/vae.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/unet_layers.h"

namespace dgl {

/// A layer of a tiny autoencoder. A network is a list of them, and a layer's number in the list its name in files.
struct TinyLayer {
  enum class Kind {
    clamp,        ///< 3 tanh(x / 3)
    convolution,  ///< 3x3
    relu,
    block,     ///< three convolutions with ReLU between them, added to their input, and ReLU
    halve,     ///< 3x3 convolution of stride 2 without bias
    upsample,  ///< twice the size by nearest neighbors
    unbiased,  ///< 3x3 convolution without bias
  };
  Kind kind;
  int64_t in = 0, out = 0;  ///< channels, of layers that have weights
};

/// The shape of a tiny autoencoder, that of madebyollin/taesd: convolutions and ReLU without norms or attention. Its
/// encoder gives latents without variances. Feature maps change their number where they change their size.
struct TinyShape {
  int64_t resolution, img_channels;
  std::vector<int64_t> channels;  ///< of each level, from the image on
  int64_t blocks;                 ///< of a level but the first, which has one
  int64_t z_channels;

  /// The value of "architecture" in settings.
  static constexpr const char* kArchitecture = "tiny";

  /// Throws Error if a layer would have no channels, if levels do not divide the resolution, or for attention.
  static TinyShape make(const VaeSettings& settings, Rational width);
  static TinyShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  /// Sets what made it.
  void describe(VaeFamilySettings& settings) const;
  std::vector<TinyLayer> encoder_layers() const;
  std::vector<TinyLayer> decoder_layers() const;
  Cost encoder_cost() const;
  Cost decoder_cost() const;
  VaeSizes sizes() const;
};

/// Three convolutions with ReLU between them, added to their input, and ReLU.
class TinyBlock : public torch::nn::Module {
 public:
  explicit TinyBlock(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  std::vector<std::shared_ptr<Convolution>> convolutions_;
};

/// The layers of a network in a row.
class TinyLayers {
 public:
  /// Registers those with weights as modules of `owner`, named by their numbers.
  TinyLayers(torch::nn::Module& owner, const std::vector<TinyLayer>& layers);
  /// Keeps feature maps between the first and the last convolution in type `activations`; gives float32.
  torch::Tensor forward(torch::Tensor x, torch::ScalarType activations);
  std::string to_onnx(OnnxGraph& graph, std::string x) const;
  /// The weight of the last layer, a convolution.
  const torch::Tensor& last_weight() const { return layers_.back().convolution->weight(); }

 private:
  struct Layer {
    TinyLayer::Kind kind;
    std::shared_ptr<Convolution> convolution;  // null in layers without one of their own
    std::shared_ptr<TinyBlock> block;          // null in others than blocks
  };
  std::vector<Layer> layers_;
};

/// The encoder. Parameters have the names of TAESD's Sequential ("1.conv.0.weight").
class TinyEncoder : public VaeEncoder {
 public:
  explicit TinyEncoder(const TinyShape& shape) : shape_(shape), layers_(*this, shape.encoder_layers()) {}

  const TinyShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.encoder_cost(); }
  ChannelLayout channel_layout() const override;

  VaeSizes sizes() const override { return shape_.sizes(); }
  bool has_variance() const override { return false; }
  /// Images in -1 … 1 are given to TAESD's layers in 0 … 1.
  torch::Tensor encode(const torch::Tensor& images) override;
  std::string to_onnx(OnnxGraph& graph, const std::string& images) const override;

 private:
  TinyShape shape_;
  TinyLayers layers_;
};

/// The decoder, likewise.
class TinyDecoder : public VaeDecoder {
 public:
  explicit TinyDecoder(const TinyShape& shape) : shape_(shape), layers_(*this, shape.decoder_layers()) {}

  const TinyShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.decoder_cost(); }
  ChannelLayout channel_layout() const override;

  VaeSizes sizes() const override { return shape_.sizes(); }
  /// What TAESD's layers give in 0 … 1 becomes -1 … 1.
  torch::Tensor decode(const torch::Tensor& latents) override;
  const torch::Tensor& last_weight() const override { return layers_.last_weight(); }
  std::string to_onnx(OnnxGraph& graph, const std::string& latents) const override;

 private:
  TinyShape shape_;
  TinyLayers layers_;
};

}  // namespace dgl
