#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/spectral_norm.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// Settings of a BigGAN at full width (Brock et al. 2019, arXiv 1809.11096, as built by ajbrock/BigGAN-PyTorch).
struct BigGanSettings {
  int64_t resolution = 128;  ///< 32, 64, 128 or 256
  int64_t img_channels = 3;  ///< 1 or 3
  int64_t z_dim = 120;       ///< if hierarchical, rounded down to equal chunks: one for the start and one per block
  int64_t classes = 1000;
  int64_t channels = 96;   ///< the generator's last feature maps at 128 and 256 px; half of them at 64 px; at 32 px, a
                           ///< quarter of every block's
  int64_t attention = 64;  ///< side of the feature maps with self-attention; 0: none
  bool hierarchical = true;  ///< every block gets a chunk of the latent beside the label
  int64_t shared_dim = 128;  ///< size of the label embedding shared by all blocks; 0: a table per batch norm
};

/// The shape of one generator.
struct BigGanGeneratorShape {
  int64_t resolution, img_channels, z_dim, classes;
  int64_t shared_dim;  ///< 0: no shared embedding
  bool hierarchical;
  int64_t first_channels;          ///< channels of the 4 x 4 input of the first block
  std::vector<int64_t> channels;   ///< output channels of the blocks, at 8, 16, …, resolution
  std::vector<int64_t> attention;  ///< indices of the blocks followed by self-attention

  /// Returns the generator of `settings` at a width, which narrows feature maps only. Throws Error if a layer would
  /// have no channels, if BigGAN has no table for the resolution, or for chunks without a shared embedding.
  static BigGanGeneratorShape make(const BigGanSettings& settings, Rational width);
  static BigGanGeneratorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
  /// Returns the length of a chunk of the latent; z_dim if not hierarchical.
  int64_t chunk() const;
  /// BigGanSettings::channels of a generator of this many at its end.
  int64_t base_channels() const;
  /// Size of the condition of the blocks' batch norms; 0 if they have their own tables.
  int64_t condition_dim() const { return shared_dim + (hierarchical ? chunk() : 0); }
};

/// The shape of one discriminator.
struct BigGanDiscriminatorShape {
  int64_t resolution, img_channels, classes;
  std::vector<int64_t> channels;   ///< output channels of the blocks
  int64_t downs;                   ///< number of blocks, from the first, that halve the resolution
  std::vector<int64_t> attention;  ///< indices of the blocks followed by self-attention

  static BigGanDiscriminatorShape make(const BigGanSettings& settings, Rational width);
  static BigGanDiscriminatorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
};

/// Derives a network's shape from tensors named as in our model files, which use BigGAN-PyTorch's names. Throws Error,
/// naming `origin`, if a tensor is missing or has the wrong number of dimensions, or if sizes do not match.
BigGanGeneratorShape biggan_generator_shape(const NamedTensors& tensors, const std::string& origin);
BigGanDiscriminatorShape biggan_discriminator_shape(const NamedTensors& tensors, const std::string& origin);

/// Draws fresh weights: "orthogonal", or "normal" with standard deviation 0.02. Biases are uniform as in libtorch's
/// layers. Power-iteration vectors are normally distributed.
void initialize_biggan(torch::nn::Module& network, const std::string& how);

/// A convolution of stride 1 that preserves the size. Its weight is divided by its spectral norm.
class SpectralConv : public SpectralWeight {
 public:
  SpectralConv(int64_t in, int64_t out, int64_t kernel, bool has_bias = true);
  /// Convolves without adding the bias, which callers add where it costs least.
  torch::Tensor convolve(const torch::Tensor& x, const Pass& pass);
  /// Adds the convolution to an ONNX graph, with its weight times `gain`, and a bias if `bias` is defined.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const torch::Tensor& bias, double gain = 1);

 private:
  int64_t kernel_;
};

/// Batch normalization over [N, C, H, W]. Evaluation uses the running statistics `stored_mean` and `stored_var`.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels);
  /// Normalizes and applies an affine map and ReLU (ops::norm_relu). `gain` and `bias` are [N, C] or [1, C], `shift` is
  /// [C] or undefined.
  torch::Tensor norm_relu(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& gain,
                          const torch::Tensor& bias, const Pass& pass, bool upsample = false);
  /// Returns scale and shift of the normalization with stored statistics combined with the affine map. `gain` and
  /// `bias` are [..., C].
  std::pair<torch::Tensor, torch::Tensor> folded(const torch::Tensor& gain, const torch::Tensor& bias) const;

 private:
  torch::Tensor mean_, var_;
};

/// Batch norm, then ReLU. Gain and bias depend on a condition: they are linear functions of [N, condition_dim], or
/// tables with a row per label.
class ConditionalBatchNorm : public BatchNorm {
 public:
  ConditionalBatchNorm(int64_t channels, int64_t condition_dim, int64_t classes);
  /// Normalizes x + shift and optionally upsamples the result (nearest). `x` is [N, C, H, W], `shift` [C] or undefined.
  /// `condition` is [N, condition_dim], or labels [N] if condition_dim is 0.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& condition,
                        const Pass& pass, bool upsample = false);
  /// Adds the layer to an ONNX graph, with the stored statistics.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& condition);

 private:
  std::shared_ptr<SpectralWeight> gain_, bias_;  // empty if there are tables
  torch::Tensor gain_table_, bias_table_;
};

/// Self-attention over pixels (Zhang et al. 2019, arXiv 1805.08318). Keys and values are max-pooled by two. The result
/// is added to the input with a learned gain that starts at 0. Needs 8 channels or more.
class SelfAttention : public torch::nn::Module {
 public:
  explicit SelfAttention(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x, const Pass& pass);
  /// Adds the layer to an ONNX graph, for feature maps of `side` x `side` pixels.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, int64_t side);

 private:
  std::shared_ptr<SpectralConv> theta_, phi_, g_, o_;
  torch::Tensor gamma_;
};

/// A residual block that doubles the resolution: norm, ReLU, nearest upsampling, convolution, norm, ReLU, convolution.
class GeneratorBlock : public torch::nn::Module {
 public:
  GeneratorBlock(int64_t in, int64_t out, int64_t condition_dim, int64_t classes);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& condition, const Pass& pass);
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& condition);

 private:
  std::shared_ptr<SpectralConv> conv1_, conv2_, shortcut_;
  std::shared_ptr<ConditionalBatchNorm> bn1_, bn2_;
};

/// A residual block of the discriminator: (ReLU,) convolution, ReLU, convolution, average pooling if `down`. The first
/// block, which takes the image, has no ReLU at its start.
class DiscriminatorBlock : public torch::nn::Module {
 public:
  DiscriminatorBlock(int64_t in, int64_t out, bool first, bool down);
  torch::Tensor forward(const torch::Tensor& x, const Pass& pass);
  /// Whether the input reaches the output through a convolution, or unchanged.
  bool has_shortcut() const { return shortcut_ != nullptr; }

 private:
  bool first_, down_;
  std::shared_ptr<SpectralConv> conv1_, conv2_, shortcut_;  // no shortcut_ if the input is added unchanged
};

/// The BigGAN generator.
class BigGanGenerator : public Generator {
 public:
  explicit BigGanGenerator(const BigGanGeneratorShape& shape);

  const BigGanGeneratorShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t z_dim() const override { return shape_.z_dim; }
  int64_t classes() const override { return shape_.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  /// The mean latent is 0.
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  bool psi_scales_latents() const override { return true; }
  /// Sets the statistics of every batch norm to the mean over 16 batches of 64 images ("standing statistics").
  void recalibrate_batch_norm(uint64_t seed, const torch::Tensor& label_shares = {}) override;

  /// Maps z [N, z_dim] and labels [N] to images [N, C, R, R] in -1 … 1.
  torch::Tensor generate(const torch::Tensor& z, const torch::Tensor& labels, const Pass& pass);
  /// Returns all weights of two or more dimensions except tables of labels.
  std::vector<torch::Tensor> matrices() const;
  /// The weight of the last convolution.
  const torch::Tensor& last_weight() const { return last_conv_->weight(); }

 private:
  BigGanGeneratorShape shape_;
  torch::Tensor shared_, last_gain_, last_bias_;
  std::shared_ptr<SpectralWeight> linear_;
  std::vector<std::shared_ptr<GeneratorBlock>> blocks_;
  std::vector<std::shared_ptr<SelfAttention>> attention_;  // empty if a block has none
  std::shared_ptr<BatchNorm> last_norm_;
  std::shared_ptr<SpectralConv> last_conv_;
  torch::ScalarType activations_ = torch::kFloat;
};

/// The BigGAN discriminator. Labels enter by projection (Miyato and Koyama 2018, arXiv 1802.05637).
class BigGanDiscriminator : public Discriminator {
 public:
  explicit BigGanDiscriminator(const BigGanDiscriminatorShape& shape);

  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t classes() const override { return shape_.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::vector<std::string> blocks() const override;
  /// In training mode every pass updates the power-iteration vectors. Features are the outputs of the blocks.
  Judgement judge(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks, bool features) override;

 private:
  BigGanDiscriminatorShape shape_;
  std::vector<std::shared_ptr<DiscriminatorBlock>> blocks_;
  std::vector<std::shared_ptr<SelfAttention>> attention_;
  std::shared_ptr<SpectralWeight> linear_, embed_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
