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

/// The shape of an encoder and its decoder: latent diffusion's AutoencoderKL (Rombach et al. 2022, arXiv 2112.10752).
/// A decoder has one residual block more at a level, and the middle always attends.
struct KlShape : UNetShape {
  int64_t z_channels;  ///< channels that the encoder's and decoder's convolutions give and take
  int64_t embed_dim;   ///< channels of latents, behind the 1x1 convolutions between them

  /// The value of "architecture" in settings.
  static constexpr const char* kArchitecture = "kl";

  /// Throws Error if a layer would have no channels or if levels do not divide the resolution.
  static KlShape make(const VaeSettings& settings, Rational width);
  static KlShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  /// Sets what made it.
  void describe(VaeFamilySettings& settings) const;
  Cost encoder_cost() const;
  Cost decoder_cost() const;

  VaeSizes sizes() const { return {image(), embed_dim, resolution / side()}; }
};

/// The encoder, which gives normal distributions.
class KlEncoder : public VaeEncoder {
 public:
  explicit KlEncoder(const KlShape& shape);

  const KlShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.encoder_cost(); }
  ChannelLayout channel_layout() const override;

  VaeSizes sizes() const override { return shape_.sizes(); }
  torch::Tensor encode(const torch::Tensor& images) override;
  std::string to_onnx(OnnxGraph& graph, const std::string& images) const override;

 private:
  KlShape shape_;
  std::shared_ptr<Convolution> conv_in_, conv_out_, quant_conv_;
  std::vector<std::vector<std::shared_ptr<ResidualBlock>>> blocks_;      // by level
  std::vector<std::vector<std::shared_ptr<AttentionBlock>>> attention_;  // by level; empty where none attends
  std::vector<std::shared_ptr<Resampling>> down_;                        // behind all levels but the last
  std::shared_ptr<MiddleBlocks> middle_;
  std::shared_ptr<GroupNorm> norm_out_;
};

/// The decoder.
class KlDecoder : public VaeDecoder {
 public:
  explicit KlDecoder(const KlShape& shape);

  const KlShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.decoder_cost(); }
  ChannelLayout channel_layout() const override;

  VaeSizes sizes() const override { return shape_.sizes(); }
  torch::Tensor decode(const torch::Tensor& latents) override;
  const torch::Tensor& last_weight() const override { return conv_out_->weight(); }
  std::string to_onnx(OnnxGraph& graph, const std::string& latents) const override;

 private:
  KlShape shape_;
  std::shared_ptr<Convolution> post_quant_conv_, conv_in_, conv_out_;
  std::vector<std::vector<std::shared_ptr<ResidualBlock>>> blocks_;      // by level
  std::vector<std::vector<std::shared_ptr<AttentionBlock>>> attention_;  // by level; empty where none attends
  std::vector<std::shared_ptr<Resampling>> up_;                          // behind each level but the first; null there
  std::shared_ptr<MiddleBlocks> middle_;
  std::shared_ptr<GroupNorm> norm_out_;
};

}  // namespace dgl
