#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/style_sampler.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// Added before square roots: to a latent's mean square, a demodulation's sum and a minibatch's variance.
constexpr double kStyleGan2Epsilon = 1e-8;

/// Settings of a StyleGAN2 at full width (config-f architecture: skip generator, residual discriminator).
struct StyleGan2Settings {
  int64_t resolution = 32;   ///< a power of two, 8 … 1024
  int64_t img_channels = 3;  ///< 1 or 3
  int64_t z_dim = 128;
  int64_t w_dim = 128;
  int64_t mapping_layers = 4;
  int64_t channel_base = 16384;  ///< feature maps at r x r: min(channel_base / r, channel_max) * width
  int64_t channel_max = 64;
  int64_t generator_base = 0;  ///< the generator's own channel_base, if that is smaller; 0: channel_base
  int64_t minibatch_std_group = 4;
  int64_t classes = 0;       ///< number of labels of generator and discriminator; 0: none
  int64_t label_embed = 0;   ///< size of a label's embedding in a mapping; 0: that of the mapping's output
  int64_t label_layers = 8;  ///< layers of the discriminator's mapping of labels

  int64_t base_of_generator() const {
    return generator_base > 0 ? std::min(generator_base, channel_base) : channel_base;
  }
};

/// The shape of a mapping network from latents [N, z_dim], labels, or both to outputs of size `widths.back()`.
struct StyleGan2MappingShape {
  int64_t z_dim = 0;            ///< 0 in a discriminator, whose mapping takes only labels
  std::vector<int64_t> widths;  ///< output sizes of its layers; empty if the network has no mapping
  int64_t classes = 0;          ///< number of labels; 0: no labels
  int64_t embed_dim = 0;        ///< size of a label's embedding
  int64_t w_dim() const { return widths.empty() ? 0 : widths.back(); }
};

/// The complete shape of a generator, sufficient to build it.
struct StyleGan2GeneratorShape {
  int64_t resolution, img_channels;
  StyleGan2MappingShape mapping;
  int64_t const_channels;                  ///< channels of the learned 4 x 4 input
  std::map<int64_t, int64_t> channels;     ///< output channels at 4, 8, …, resolution
  std::map<int64_t, int64_t> up_channels;  ///< channels between the two convolutions at 8, …, resolution

  /// Returns the generator of `settings` at a width. The constant input keeps its full width, as in the DGL-GAN
  /// authors' code, unless `narrow_constant` is set. Throws Error if a layer would have no channels.
  static StyleGan2GeneratorShape make(const StyleGan2Settings& settings, Rational width, bool narrow_constant);
  static StyleGan2GeneratorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
  /// Number of style inputs: one per convolution and one for the last to_rgb.
  int64_t num_ws() const;
};

/// The shape of one discriminator.
struct StyleGan2DiscriminatorShape {
  int64_t resolution, img_channels, minibatch_std_group;
  std::map<int64_t, int64_t> channels;  ///< input channels at 4, 8, …, resolution
  std::map<int64_t, int64_t> hidden;    ///< channels after the first convolution at 4, 8, …, resolution
  int64_t fc_features;                  ///< output size of the hidden linear layer
  int64_t minibatch_std_channels = 1;
  bool residual = true;           ///< blocks have a skip connection
  StyleGan2MappingShape mapping;  ///< maps labels, if the discriminator is conditional

  static StyleGan2DiscriminatorShape make(const StyleGan2Settings& settings, Rational width);
  static StyleGan2DiscriminatorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
};

/// Derives a network's shape from tensors named as in our model files, without a prefix. Every width is read from its
/// tensor. All tensors must be present. Throws Error, naming `origin`, if a tensor has the wrong number of dimensions
/// or if widths do not match.
StyleGan2GeneratorShape stylegan2_generator_shape(const NamedTensors& tensors, const std::string& origin);
StyleGan2DiscriminatorShape stylegan2_discriminator_shape(const NamedTensors& tensors, int64_t minibatch_std_group,
                                                          const std::string& origin);

/// A linear layer with equalized learning rate (Karras et al. 2018, arXiv 1710.10196, section 4.1), optionally followed
/// by leaky ReLU with gain sqrt(2): y = x (W * lr / sqrt(in))^T + b * lr.
class EqualLinear : public torch::nn::Module {
 public:
  EqualLinear(int64_t in, int64_t out, bool activate, double lr_multiplier = 1, double bias_init = 0);
  torch::Tensor forward(const torch::Tensor& x);
  /// Returns the layer's output for one-hot inputs, without an activation. `places` [N] are the indices of the ones.
  torch::Tensor embed(const torch::Tensor& places);
  /// Adds forward() to an ONNX graph, times a `gain` above 0. embed_to_onnx() adds embed().
  std::string to_onnx(OnnxGraph& graph, const std::string& x, double gain = 1) const;
  std::string embed_to_onnx(OnnxGraph& graph, const std::string& places) const;

 private:
  torch::Tensor weight_, bias_;
  double weight_gain_, bias_gain_;
  bool activate_;
};

/// Maps z and label to w. Applies pixel norm to the latent and to the label's embedding, concatenates them, and applies
/// a multilayer perceptron at 1/100 of the learning rate. A generator's mapping keeps a running mean of w for
/// truncation.
class StyleGan2Mapping : public torch::nn::Module {
 public:
  StyleGan2Mapping(const StyleGan2MappingShape& shape, bool keeps_mean);
  /// Maps z [N, z_dim] (undefined if z_dim is 0) and labels [N] (undefined if there are none) to w [N, w_dim].
  torch::Tensor forward(const torch::Tensor& z, const torch::Tensor& labels);
  /// Adds a generator's mapping to an ONNX graph.
  std::string to_onnx(OnnxGraph& graph, const std::string& z, const std::string& labels) const;
  /// Moves the mean latent toward a batch's mean [w_dim] by 1 - 0.995.
  void track_mean(const torch::Tensor& batch_mean);
  const torch::Tensor& mean_latent() const { return w_avg_; }

 private:
  StyleGan2MappingShape shape_;
  std::shared_ptr<EqualLinear> embed_;  // empty if there are no labels
  std::vector<std::shared_ptr<EqualLinear>> layers_;
  torch::Tensor w_avg_;
};

/// A modulated and demodulated 3x3 convolution with noise, bias and leaky ReLU (arXiv 1912.04958, eq. 1 and 3).
class SynthesisLayer : public torch::nn::Module {
 public:
  SynthesisLayer(int64_t in, int64_t out, int64_t w_dim, int64_t resolution, bool up);
  /// Takes x [N, in, r, r] and w [N, w_dim]. r is the layer's resolution, or half of it if the layer upsamples.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& w, const at::Generator& random);
  /// Adds the layer to an ONNX graph, with the stored noise.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& w) const;

 private:
  std::shared_ptr<EqualLinear> affine_;
  torch::Tensor weight_, bias_, noise_strength_, noise_const_;
  int64_t resolution_;
  bool up_;
};

/// A modulated 1x1 convolution to image channels, without demodulation.
class ToRgb : public torch::nn::Module {
 public:
  ToRgb(int64_t in, int64_t img_channels, int64_t w_dim);
  /// Returns x, for the next block, and the image.
  std::pair<torch::Tensor, torch::Tensor> branch(const torch::Tensor& x, const torch::Tensor& w);
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& w) const;
  const torch::Tensor& weight() const { return weight_; }

 private:
  std::shared_ptr<EqualLinear> affine_;
  torch::Tensor weight_, bias_;
  double weight_gain_;
};

/// The StyleGAN2 generator with output skips (arXiv 1912.04958, figures 2 and 7).
class StyleGan2Generator : public Generator, public StyleSampler {
 public:
  explicit StyleGan2Generator(const StyleGan2GeneratorShape& shape);

  const StyleGan2GeneratorShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t z_dim() const override { return shape_.mapping.z_dim; }
  int64_t classes() const override { return shape_.mapping.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  std::vector<int64_t> sides() const override;
  std::string map_to_onnx(OnnxGraph& graph, const ConditionNames& condition) const override;
  std::string synthesize_to_onnx(OnnxGraph& graph, const std::string& ws) const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }

  StyleGan2Mapping& mapping() { return *mapping_; }
  StyleSampler* styles() override { return this; }
  torch::Tensor map(const torch::Tensor& z, const torch::Tensor& labels) override;
  int64_t w_dim() const override { return shape_.mapping.w_dim(); }
  int64_t num_ws() const override { return shape_.num_ws(); }
  const torch::Tensor& mean_w() const override { return mapping_->mean_latent(); }
  torch::Tensor synthesize(const torch::Tensor& ws, const at::Generator& noise = {}) override;
  /// The weight of the last to_rgb.
  const torch::Tensor& last_weight() const { return to_rgb_.back()->weight(); }

 private:
  /// Adds synthesize() with the stored noise to an ONNX graph; `ws` are the names of num_ws() tensors [N, w_dim].
  std::string synthesis_to_onnx(OnnxGraph& graph, const std::vector<std::string>& ws) const;

  StyleGan2GeneratorShape shape_;
  std::shared_ptr<StyleGan2Mapping> mapping_;
  torch::Tensor const_;
  torch::ScalarType activations_ = torch::kFloat;                    // type of feature maps from 8 x 8 on
  std::vector<std::shared_ptr<SynthesisLayer>> up_layers_, layers_;  // up_layers_[0] is empty: none at 4 x 4
  std::vector<std::shared_ptr<ToRgb>> to_rgb_;
};

/// A convolution with equalized learning rate, bias and leaky ReLU. It can downsample by two, after the FIR filter.
class DiscriminatorConv : public torch::nn::Module {
 public:
  DiscriminatorConv(int64_t in, int64_t out, int64_t kernel, bool down, bool activate);
  /// Returns the output times `gain`. Not for a kernel of 1 that downsamples.
  torch::Tensor forward(const torch::Tensor& x, double gain = 1);
  /// Returns the output, times `gain`, of a kernel of 1 without activation for what is downsampled already.
  torch::Tensor project(const torch::Tensor& x, double gain);

 private:
  torch::Tensor weight_, bias_;
  int64_t kernel_;
  bool down_, activate_;
  double weight_gain_;
};

/// The StyleGAN2 discriminator (residual, with minibatch standard deviation).
class StyleGan2Discriminator : public Discriminator {
 public:
  explicit StyleGan2Discriminator(const StyleGan2DiscriminatorShape& shape);

  const StyleGan2DiscriminatorShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t classes() const override { return shape_.mapping.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  /// Features are the outputs of the residual blocks.
  Judgement judge(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks, bool features) override;
  int64_t group() const override { return shape_.minibatch_std_channels > 0 ? shape_.minibatch_std_group : 1; }
  std::vector<std::string> blocks() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }

 private:
  struct Block {
    std::shared_ptr<DiscriminatorConv> conv0, conv1, skip;  // skip is empty if blocks are not residual
  };
  StyleGan2DiscriminatorShape shape_;
  std::shared_ptr<DiscriminatorConv> from_rgb_, last_conv_;
  std::vector<Block> blocks_;
  std::shared_ptr<EqualLinear> fc_, out_;
  std::shared_ptr<StyleGan2Mapping> mapping_;      // empty if there are no labels
  torch::ScalarType activations_ = torch::kFloat;  // type of feature maps down to 8 x 8
};

/// Appends `features` channels to x [N, C, H, W]: [N, C + features, H, W]. Each is the standard deviation over groups
/// of images, averaged over pixels and over its share of the feature maps (arXiv 1710.10196, section 3). C is a
/// multiple of `features`. Groups have `group` members if N is a multiple of it, else as many as the largest divisor of
/// N below it. Image i is in group i mod (N / members), as in the reference.
torch::Tensor minibatch_std(const torch::Tensor& x, int64_t group, int64_t features = 1);

}  // namespace dgl
