#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/unet_layers.h"
#include "dgl/nn/unet_shape.h"

namespace dgl {

/// Settings of an autoencoder at full width: latent diffusion's AutoencoderKL (Rombach et al. 2022, arXiv 2112.10752).
struct VaeSettings : UNetSettings {
  int64_t z_channels = 4;  ///< of latents, which no width narrows
};

/// The shape of an encoder and its decoder. A decoder has one block more at each level.
struct VaeShape : UNetShape {
  int64_t z_channels;  ///< channels that the encoder's and decoder's convolutions give and take
  int64_t embed_dim;   ///< channels of latents, behind the 1x1 convolutions between them

  /// Throws Error if a layer would have no channels or if levels do not divide the resolution.
  static VaeShape make(const VaeSettings& settings, Rational width);
  static VaeShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost encoder_cost() const;
  Cost decoder_cost() const;
};

/// A normal distribution of latents for each image, with independent coordinates.
struct Posterior {
  torch::Tensor mean;          ///< [N, embed_dim, h, w]
  torch::Tensor log_variance;  ///< the same, in -30 … 20

  /// From what an encoder gives, [N, 2 embed_dim, h, w].
  explicit Posterior(const torch::Tensor& moments);
  torch::Tensor sample(const at::Generator& random) const;
  /// The divergence from a standard normal distribution in nats, [N].
  torch::Tensor kl() const;
};

/// Maps images to distributions of latents.
class VaeEncoder : public Network {
 public:
  explicit VaeEncoder(const VaeShape& shape);

  const VaeShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.encoder_cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;

  /// `images` to `moments`.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;

  /// Moments [N, 2 embed_dim, h, w], float32, of images [N, C, H, W] in -1 … 1: means, then logarithms of variances.
  torch::Tensor encode(const torch::Tensor& images);
  std::string to_onnx(OnnxGraph& graph, const std::string& images) const;
  bool apply_to_onnx(OnnxGraph& graph) const override;

 private:
  VaeShape shape_;
  std::shared_ptr<Convolution> conv_in_, conv_out_, quant_conv_;
  std::vector<std::vector<std::shared_ptr<ResidualBlock>>> blocks_;      // by level
  std::vector<std::vector<std::shared_ptr<AttentionBlock>>> attention_;  // by level; empty where none attends
  std::vector<std::shared_ptr<Resampling>> down_;                        // behind all levels but the last
  std::shared_ptr<MiddleBlocks> middle_;
  std::shared_ptr<GroupNorm> norm_out_;
  torch::ScalarType activations_ = torch::kFloat;
};

/// Maps latents to images.
class VaeDecoder : public Network {
 public:
  explicit VaeDecoder(const VaeShape& shape);

  const VaeShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.decoder_cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;

  /// `z` to `images`.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;

  /// Images [N, C, H, W], float32, about -1 … 1 and not clamped, of latents [N, embed_dim, h, w].
  torch::Tensor decode(const torch::Tensor& latents);
  /// The weight of the last convolution.
  const torch::Tensor& last_weight() const { return conv_out_->weight(); }
  std::string to_onnx(OnnxGraph& graph, const std::string& latents) const;
  bool apply_to_onnx(OnnxGraph& graph) const override;

 private:
  VaeShape shape_;
  std::shared_ptr<Convolution> post_quant_conv_, conv_in_, conv_out_;
  std::vector<std::vector<std::shared_ptr<ResidualBlock>>> blocks_;      // by level
  std::vector<std::vector<std::shared_ptr<AttentionBlock>>> attention_;  // by level; empty where none attends
  std::vector<std::shared_ptr<Resampling>> up_;                          // behind each level but the first; null there
  std::shared_ptr<MiddleBlocks> middle_;
  std::shared_ptr<GroupNorm> norm_out_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
