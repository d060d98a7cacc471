#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/denoiser.h"

namespace dgl {

/// The shape of a DDPM: the U-Net of Ho et al. 2020 (arXiv 2006.11239).
struct DdpmShape : DenoiserShape {
  static constexpr const char* kArchitecture = "ddpm";

  /// Throws Error if a layer would have no channels, the first layer an odd number of them, or if levels do not divide
  /// the resolution.
  static DdpmShape make(const DenoiserSettings& settings, Rational width);
  static DdpmShape from_json(const nlohmann::json& json, const std::string& origin);
  /// Does not name the architecture, as the files of earlier versions do not.
  nlohmann::json to_json() const { return DenoiserShape::to_json(); }
  /// Of one call.
  Cost cost() const;
};

/// DDPM's U-Net. Parameters have the names of pesser/pytorch_diffusion.
class DdpmDenoiser : public Denoiser {
 public:
  explicit DdpmDenoiser(const DdpmShape& shape);

  const DdpmShape& shape() const override { return shape_; }
  std::string architecture() const override { return DdpmShape::kArchitecture; }
  /// 1000 times EDM's, so that embeddings of times 0 … 1000 see it.
  double noise_factor() const override { return 250; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  const torch::Tensor& last_weight() const override { return conv_out_->weight(); }
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
                      const std::string& labels) const override;

 private:
  struct Level {
    std::vector<std::shared_ptr<ResidualBlock>> blocks;
    std::vector<std::shared_ptr<AttentionBlock>> attention;  // empty where none attends
    std::shared_ptr<Resampling> resampling;                  // null at the end
  };

  torch::Tensor predict(const torch::Tensor& x, const torch::Tensor& times, const torch::Tensor& labels,
                        const Dropout& dropout) override;
  /// What all blocks know of times and labels, [N, embedding()].
  torch::Tensor embed(const torch::Tensor& times, const torch::Tensor& labels);
  std::string embed_to_onnx(OnnxGraph& graph, const std::string& times, const std::string& labels) const;
  /// Makes the blocks of a level under `name` of `parent`, whose inputs have these numbers of channels.
  Level make_level(torch::nn::Module& parent, int64_t level, const std::vector<int64_t>& inputs) const;

  DdpmShape shape_;
  torch::Tensor frequencies_;  // [first_channels / 2] of the embedding of times; neither parameter nor buffer
  std::shared_ptr<LinearLayer> embedding1_, embedding2_;
  torch::Tensor label_embedding_;  // [classes, embedding()]; undefined without labels
  std::shared_ptr<Convolution> conv_in_, conv_out_;
  std::vector<Level> down_, up_;  // by level
  std::shared_ptr<MiddleBlocks> middle_;
  std::shared_ptr<GroupNorm> norm_out_;
};

}  // namespace dgl
