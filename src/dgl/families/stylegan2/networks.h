#pragma once

#include <map>
#include <string>
#include <vector>

#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// Below roots: of a latent's mean square, of a demodulation's sum, of a minibatch's variance.
constexpr double kStyleGan2Epsilon = 1e-8;

/// The settings of a StyleGAN2 (config-f architecture: skip generator, residual discriminator), before width.
struct StyleGan2Settings {
  int64_t resolution = 32;   ///< a power of two, 8 … 1024
  int64_t img_channels = 3;  ///< 1 or 3
  int64_t z_dim = 128;
  int64_t w_dim = 128;
  int64_t mapping_layers = 4;
  int64_t channel_base = 16384;  ///< feature maps at r x r: min(channel_base / r, channel_max) * width
  int64_t channel_max = 64;
  int64_t minibatch_std_group = 4;
  int64_t classes = 0;       ///< labels that generator and discriminator take; 0: none
  int64_t label_embed = 0;   ///< numbers that a label becomes in a mapping; 0: as many as come out of it
  int64_t label_layers = 8;  ///< of the discriminator's mapping of labels
};

/// The shape of a mapping network: latents of z_dim numbers, labels, or both, to the last of `widths`.
struct StyleGan2MappingShape {
  int64_t z_dim = 0;            ///< 0 in a discriminator, whose mapping takes labels only
  std::vector<int64_t> widths;  ///< outputs of its layers; a network without one has none
  int64_t classes = 0;          ///< number of labels; 0: takes none
  int64_t embed_dim = 0;        ///< numbers that a label becomes before it joins the latent
  int64_t w_dim() const { return widths.empty() ? 0 : widths.back(); }
};

/// The shape of one generator: all that is needed to build it.
struct StyleGan2GeneratorShape {
  int64_t resolution, img_channels;
  StyleGan2MappingShape mapping;
  int64_t const_channels;                  ///< of the learned 4 x 4 input
  std::map<int64_t, int64_t> channels;     ///< feature maps that leave 4, 8, …, resolution
  std::map<int64_t, int64_t> up_channels;  ///< between the two convolutions at 8, …, resolution

  /// The generator of `settings` at a width. The constant input keeps its full width, as in the DGL-GAN authors' code,
  /// unless `narrow_constant`. Error where a layer would be left without channels.
  static StyleGan2GeneratorShape make(const StyleGan2Settings& settings, Rational width, bool narrow_constant);
  static StyleGan2GeneratorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
  /// Style inputs: one per convolution, and the last to_rgb's.
  int64_t num_ws() const;
};

/// The shape of one discriminator.
struct StyleGan2DiscriminatorShape {
  int64_t resolution, img_channels, minibatch_std_group;
  std::map<int64_t, int64_t> channels;  ///< feature maps that enter 4, 8, …, resolution
  std::map<int64_t, int64_t> hidden;    ///< after the first convolution at 4, 8, …, resolution
  int64_t fc_features;                  ///< of the hidden linear layer
  int64_t minibatch_std_channels = 1;
  bool residual = true;           ///< whether blocks have a skip connection
  StyleGan2MappingShape mapping;  ///< of labels, for a conditional discriminator

  static StyleGan2DiscriminatorShape make(const StyleGan2Settings& settings, Rational width);
  static StyleGan2DiscriminatorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
};

/// The shape of the network that tensors make up under the names of our model files (without a prefix): every width is
/// read from its tensor. All tensors must be there. Error (naming `origin`) for one of the wrong number of dimensions,
/// or widths that do not fit each other.
StyleGan2GeneratorShape stylegan2_generator_shape(const NamedTensors& tensors, const std::string& origin);
StyleGan2DiscriminatorShape stylegan2_discriminator_shape(const NamedTensors& tensors, int64_t minibatch_std_group,
                                                          const std::string& origin);

/// A linear layer with equalized learning rate: y = x (W * lr / sqrt(in))^T + b * lr, then optionally leaky ReLU with
/// gain sqrt(2). (Karras et al. 2018, arXiv 1710.10196, section 4.1.)
class EqualLinear : public torch::nn::Module {
 public:
  EqualLinear(int64_t in, int64_t out, bool activate, double lr_multiplier = 1, double bias_init = 0);
  torch::Tensor forward(const torch::Tensor& x);
  /// The layer's output for one-hot inputs, given as the places of their ones [N], without an activation.
  torch::Tensor embed(const torch::Tensor& places);
  /// forward() in an ONNX graph, times `gain` above 0; and embed().
  std::string to_onnx(OnnxGraph& graph, const std::string& x, double gain = 1) const;
  std::string embed_to_onnx(OnnxGraph& graph, const std::string& places) const;

 private:
  torch::Tensor weight_, bias_;
  double weight_gain_, bias_gain_;
  bool activate_;
};

/// z, label -> w: pixel norm of the latent, of the label's embedding, or of both side by side, then a multilayer
/// perceptron at 1/100 of the learning rate; a generator's keeps a running mean of w for truncation.
class StyleGan2Mapping : public torch::nn::Module {
 public:
  StyleGan2Mapping(const StyleGan2MappingShape& shape, bool keeps_mean);
  /// z [N, z_dim] (undefined where z_dim is 0), labels [N] (undefined where there are none) -> w [N, w_dim].
  torch::Tensor forward(const torch::Tensor& z, const torch::Tensor& labels);
  /// The same of a generator's in an ONNX graph.
  std::string to_onnx(OnnxGraph& graph, const std::string& z, const std::string& labels) const;
  /// Moves the mean latent towards a batch's mean [w_dim] by 1 - 0.995.
  void track_mean(const torch::Tensor& batch_mean);
  const torch::Tensor& mean_latent() const { return w_avg_; }

 private:
  StyleGan2MappingShape shape_;
  std::shared_ptr<EqualLinear> embed_;  // empty where there are no labels
  std::vector<std::shared_ptr<EqualLinear>> layers_;
  torch::Tensor w_avg_;
};

/// A modulated and demodulated 3x3 convolution with noise, bias and leaky ReLU (arXiv 1912.04958, eq. 1 and 3).
class SynthesisLayer : public torch::nn::Module {
 public:
  SynthesisLayer(int64_t in, int64_t out, int64_t w_dim, int64_t resolution, bool up);
  /// x [N, in, r, r] (r the layer's resolution, or half of it before upsampling), w [N, w_dim].
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& w, const at::Generator& random);
  /// The same in an ONNX graph, with the stored noise.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& w) const;

 private:
  std::shared_ptr<EqualLinear> affine_;
  torch::Tensor weight_, bias_, noise_strength_, noise_const_;
  int64_t resolution_;
  bool up_;
};

/// A modulated 1x1 convolution to image channels, not demodulated.
class ToRgb : public torch::nn::Module {
 public:
  ToRgb(int64_t in, int64_t img_channels, int64_t w_dim);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& w);
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& w) const;

 private:
  std::shared_ptr<EqualLinear> affine_;
  torch::Tensor weight_, bias_;
  double weight_gain_;
};

/// The StyleGAN2 generator (arXiv 1912.04958, figures 2 and 7: output skips).
class StyleGan2Generator : public Generator {
 public:
  explicit StyleGan2Generator(const StyleGan2GeneratorShape& shape);

  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t z_dim() const override { return shape_.mapping.z_dim; }
  int64_t classes() const override { return shape_.mapping.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }

  StyleGan2Mapping& mapping() { return *mapping_; }
  /// z [N, z_dim], labels [N] (undefined without labels) -> w [N, w_dim].
  torch::Tensor map(const torch::Tensor& z, const torch::Tensor& labels);
  int64_t num_ws() const { return shape_.num_ws(); }
  /// ws [N, num_ws, w_dim] -> images [N, C, R, R]; fresh noise from `noise`, or the stored one where it is undefined.
  torch::Tensor synthesize(const torch::Tensor& ws, const at::Generator& noise = {});

 private:
  StyleGan2GeneratorShape shape_;
  std::shared_ptr<StyleGan2Mapping> mapping_;
  torch::Tensor const_;
  torch::ScalarType activations_ = torch::kFloat;                    // from 8 x 8 on
  std::vector<std::shared_ptr<SynthesisLayer>> up_layers_, layers_;  // up_layers_[0] is empty: 4 x 4 has none
  std::vector<std::shared_ptr<ToRgb>> to_rgb_;
};

/// A convolution with equalized learning rate, optional downsampling by two after the FIR filter, bias and leaky ReLU.
class DiscriminatorConv : public torch::nn::Module {
 public:
  DiscriminatorConv(int64_t in, int64_t out, int64_t kernel, bool down, bool activate);
  /// `gain` scales the output.
  torch::Tensor forward(const torch::Tensor& x, double gain = 1);

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

  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t classes() const override { return shape_.mapping.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  /// Features are the outputs of the residual blocks.
  Judgement judge(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks, bool features) override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }

 private:
  struct Block {
    std::shared_ptr<DiscriminatorConv> conv0, conv1, skip;  // skip is empty where blocks are not residual
  };
  StyleGan2DiscriminatorShape shape_;
  std::shared_ptr<DiscriminatorConv> from_rgb_, last_conv_;
  std::vector<Block> blocks_;
  std::shared_ptr<EqualLinear> fc_, out_;
  std::shared_ptr<StyleGan2Mapping> mapping_;      // empty where there are no labels
  torch::ScalarType activations_ = torch::kFloat;  // down to 8 x 8
};

/// Appends to x [N, C, H, W] `features` channels, each the mean over its share of the feature maps and over pixels of
/// the standard deviation over groups of images (arXiv 1710.10196, section 3): [N, C + features, H, W]. C is a multiple
/// of `features`. The groups have `group` members, or the largest divisor of N below where N is not a multiple of it;
/// image i is in group i mod (N / group), as in the reference.
torch::Tensor minibatch_std(const torch::Tensor& x, int64_t group, int64_t features = 1);

}  // namespace dgl
