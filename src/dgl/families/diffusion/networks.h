#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/noise_levels.h"
#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/unet_layers.h"
#include "dgl/nn/unet_shape.h"

namespace dgl {

/// Settings of a denoiser at full width: the U-Net of Ho et al. 2020 (arXiv 2006.11239).
struct DenoiserSettings : UNetSettings {
  int64_t classes = 0;  ///< number of labels; 0 for an unconditional model
  Precondition precondition = Precondition::edm;
  Solver solver;  ///< that the model draws images with
};

/// The shape of a denoiser. On the way up a level has one block more, and each takes feature maps of the way down
/// beside its input.
struct DenoiserShape : UNetShape {
  int64_t classes;
  Precondition precondition;
  Solver solver;

  /// Throws Error if a layer would have no channels, the first layer an odd number of them, or if levels do not divide
  /// the resolution.
  static DenoiserShape make(const DenoiserSettings& settings, Rational width);
  static DenoiserShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  /// Of one call.
  Cost cost() const;
  /// Channels of the feature maps of the way down that the way up takes, in the order that they are made.
  std::vector<int64_t> skips() const;
  int64_t embedding() const { return 4 * first_channels; }
};

/// What a denoiser makes of noisy images.
struct Denoised {
  torch::Tensor output;  ///< F: what the network itself gives, [N, C, R, R]
  torch::Tensor images;  ///< D: the images without their noise, [N, C, R, R]
};

/// A U-Net F(x; t) and the denoiser that preconditioning makes of it (Karras et al. 2022, arXiv 2206.00364, eq. 7):
///
///     D(x; sigma) = c_skip x + c_out F(c_in x; c_noise)
///
/// Parameters have the names of pesser/pytorch_diffusion.
class Denoiser : public Network {
 public:
  explicit Denoiser(const DenoiserShape& shape);

  const DenoiserShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;

  /// `x` and `sigma` [N] to `denoised`, D; `images` and `t` [N] or `sigma` [N] to `output`, F of these images as they
  /// are. With `labels` [N] if it knows labels.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;

  /// F of x [N, C, R, R] at times [N], float32. Labels [N] are undefined for an unconditional denoiser.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& times, const torch::Tensor& labels,
                        const Dropout& dropout = {});
  /// D and F of noisy images x [N, C, R, R], whose noise has the standard deviations sigma [N], float32.
  Denoised denoise(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& labels,
                   const Dropout& dropout = {});

  /// The weight of the last convolution.
  const torch::Tensor& last_weight() const { return conv_out_->weight(); }

  /// F of images and times [N], by their names in a graph.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
                      const std::string& labels) const;
  /// `x` and `sigma` to `denoised`.
  bool apply_to_onnx(OnnxGraph& graph) const override;

 private:
  struct Level {
    std::vector<std::shared_ptr<ResidualBlock>> blocks;
    std::vector<std::shared_ptr<AttentionBlock>> attention;  // empty where none attends
    std::shared_ptr<Resampling> resampling;                  // null at the end
  };

  /// What all blocks know of times and labels, [N, embedding()].
  torch::Tensor embed(const torch::Tensor& times, const torch::Tensor& labels);
  std::string embed_to_onnx(OnnxGraph& graph, const std::string& times, const std::string& labels) const;
  /// Makes the blocks of a level under `name` of `parent`, whose inputs have these numbers of channels.
  Level make_level(torch::nn::Module& parent, int64_t level, const std::vector<int64_t>& inputs) const;

  DenoiserShape shape_;
  torch::Tensor frequencies_;  // [first_channels / 2] of the embedding of times; neither parameter nor buffer
  std::shared_ptr<LinearLayer> embedding1_, embedding2_;
  torch::Tensor label_embedding_;  // [classes, embedding()]; undefined without labels
  std::shared_ptr<Convolution> conv_in_, conv_out_;
  std::vector<Level> down_, up_;  // by level
  std::shared_ptr<MiddleBlocks> middle_;
  std::shared_ptr<GroupNorm> norm_out_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
