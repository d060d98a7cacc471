#pragma once

#include <string>
#include <vector>

#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/spectral_norm.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// The settings of a BigGAN (Brock et al. 2019, arXiv 1809.11096, as ajbrock/BigGAN-PyTorch builds it), before width.
struct BigGanSettings {
  int64_t resolution = 128;  ///< 32, 64, 128 or 256
  int64_t img_channels = 3;  ///< 1 or 3
  int64_t z_dim = 120;       ///< hierarchical: rounded down to equal chunks, one for the start and one for each block
  int64_t classes = 1000;
  int64_t channels =
      96;  ///< a generator's last feature maps (at 64 px half of them); at 32 px, a quarter of those of every block
  int64_t attention = 64;    ///< side of the feature maps that attend to themselves; 0: none do
  bool hierarchical = true;  ///< whether every block gets a chunk of the latent beside the label
  int64_t shared_dim = 128;  ///< numbers a label becomes for all blocks; 0: every batch norm has a table of its own
};

/// The shape of one generator.
struct BigGanGeneratorShape {
  int64_t resolution, img_channels, z_dim, classes;
  int64_t shared_dim;  ///< 0: no shared embedding
  bool hierarchical;
  int64_t first_channels;          ///< of the 4 x 4 input of the first block
  std::vector<int64_t> channels;   ///< feature maps that leave the blocks, at 8, 16, …, resolution
  std::vector<int64_t> attention;  ///< places of the blocks that self-attention follows, from 0

  /// The generator of `settings` at a width, which narrows feature maps only. Error where a layer would be left without
  /// channels, for a resolution that BigGAN has no table for, or chunks without a shared embedding.
  static BigGanGeneratorShape make(const BigGanSettings& settings, Rational width);
  static BigGanGeneratorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
  /// Length of a chunk of the latent; all of it where it is not hierarchical.
  int64_t chunk() const;
  /// Numbers that a block's batch norms are conditioned on; 0 where they have tables of their own.
  int64_t condition_dim() const { return shared_dim + (hierarchical ? chunk() : 0); }
};

/// The shape of one discriminator.
struct BigGanDiscriminatorShape {
  int64_t resolution, img_channels, classes;
  std::vector<int64_t> channels;   ///< feature maps that leave the blocks
  int64_t downs;                   ///< so many blocks from the first halve the resolution
  std::vector<int64_t> attention;  ///< places of the blocks that self-attention follows, from 0

  static BigGanDiscriminatorShape make(const BigGanSettings& settings, Rational width);
  static BigGanDiscriminatorShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  Cost cost() const;
};

/// The shape of the network that tensors make up under the names of our model files, which are BigGAN-PyTorch's. Error
/// (naming `origin`) for one that is missing or of the wrong number of dimensions, or sizes that do not fit each other.
BigGanGeneratorShape biggan_generator_shape(const NamedTensors& tensors, const std::string& origin);
BigGanDiscriminatorShape biggan_discriminator_shape(const NamedTensors& tensors, const std::string& origin);

/// How fresh weights are drawn: "orthogonal", or "normal" of standard deviation 0.02; biases uniformly as libtorch's
/// layers do, vectors of power iterations from a normal distribution.
void initialize_biggan(torch::nn::Module& network, const std::string& how);

/// A convolution of stride 1 that keeps the size, its weight divided by its spectral norm.
class SpectralConv : public SpectralWeight {
 public:
  SpectralConv(int64_t in, int64_t out, int64_t kernel, bool has_bias = true);
  /// Without the bias, which its callers add where it costs least.
  torch::Tensor convolve(const torch::Tensor& x, const Pass& pass);
  /// In an ONNX graph, with a bias where it is defined; the weight times `gain`.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const torch::Tensor& bias, double gain = 1);

 private:
  int64_t kernel_;
};

/// Batch normalization over [N, C, H, W]; the running statistics that evaluation uses are `stored_mean`, `stored_var`.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels);
  /// With an affine map and ReLU behind it, ops::norm_relu: gain and bias [N, C] or [1, C], shift [C] or undefined.
  torch::Tensor norm_relu(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& gain,
                          const torch::Tensor& bias, const Pass& pass, bool upsample = false);
  /// The norm by the stored statistics and the affine map behind it, gain and bias [..., C], as one: scale and shift.
  std::pair<torch::Tensor, torch::Tensor> folded(const torch::Tensor& gain, const torch::Tensor& bias) const;

 private:
  torch::Tensor mean_, var_;
};

/// Batch norm whose gain and bias are functions of a condition, then ReLU: linear ones of [N, condition_dim], or tables
/// with a row per label.
class ConditionalBatchNorm : public BatchNorm {
 public:
  ConditionalBatchNorm(int64_t channels, int64_t condition_dim, int64_t classes);
  /// Of x + shift, [N, C, H, W] and [C] (or undefined); with nearest upsampling behind it where that is wanted.
  /// condition [N, condition_dim], or labels [N] where condition_dim is 0.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& shift, const torch::Tensor& condition,
                        const Pass& pass, bool upsample = false);
  /// By the stored statistics in an ONNX graph.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& condition);

 private:
  std::shared_ptr<SpectralWeight> gain_, bias_;  // empty where there are tables
  torch::Tensor gain_table_, bias_table_;
};

/// Self-attention over pixels (Zhang et al. 2019, arXiv 1805.08318): keys and values are max-pooled by two, and what is
/// attended to joins the input with a learned gain that starts at 0. Needs 8 channels or more.
class SelfAttention : public torch::nn::Module {
 public:
  explicit SelfAttention(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x, const Pass& pass);
  /// In an ONNX graph, of feature maps of `side` pixels.
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

/// A residual block of the discriminator: (ReLU,) convolution, ReLU, convolution, average pooling where `down`. The
/// first one, on the image, has no ReLU at its start.
class DiscriminatorBlock : public torch::nn::Module {
 public:
  DiscriminatorBlock(int64_t in, int64_t out, bool first, bool down);
  torch::Tensor forward(const torch::Tensor& x, const Pass& pass);

 private:
  bool first_, down_;
  std::shared_ptr<SpectralConv> conv1_, conv2_, shortcut_;  // no shortcut_ where the input is added as it is
};

/// The BigGAN generator.
class BigGanGenerator : public Generator {
 public:
  explicit BigGanGenerator(const BigGanGeneratorShape& shape);

  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t z_dim() const override { return shape_.z_dim; }
  int64_t classes() const override { return shape_.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  /// The mean latent is 0.
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  /// The statistics of every batch norm become the mean over 16 batches of 64 images ("standing statistics").
  void recalibrate_batch_norm(uint64_t seed) override;

  /// z [N, z_dim], labels [N] -> images [N, C, R, R] in -1 … 1.
  torch::Tensor generate(const torch::Tensor& z, const torch::Tensor& labels, const Pass& pass);
  /// All weights of two dimensions and more that are not tables of labels.
  std::vector<torch::Tensor> matrices() const;

 private:
  BigGanGeneratorShape shape_;
  torch::Tensor shared_, last_gain_, last_bias_;
  std::shared_ptr<SpectralWeight> linear_;
  std::vector<std::shared_ptr<GeneratorBlock>> blocks_;
  std::vector<std::shared_ptr<SelfAttention>> attention_;  // empty where a block has none
  std::shared_ptr<BatchNorm> last_norm_;
  std::shared_ptr<SpectralConv> last_conv_;
  torch::ScalarType activations_ = torch::kFloat;
};

/// The BigGAN discriminator: the label is judged by projection (Miyato and Koyama 2018, arXiv 1802.05637).
class BigGanDiscriminator : public Discriminator {
 public:
  explicit BigGanDiscriminator(const BigGanDiscriminatorShape& shape);

  nlohmann::json settings() const override { return shape_.to_json(); }
  int64_t classes() const override { return shape_.classes; }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  /// In training mode every pass moves the vectors of the power iterations on.
  /// Features are the outputs of the blocks.
  Judgement judge(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks, bool features) override;

 private:
  BigGanDiscriminatorShape shape_;
  std::vector<std::shared_ptr<DiscriminatorBlock>> blocks_;
  std::vector<std::shared_ptr<SelfAttention>> attention_;
  std::shared_ptr<SpectralWeight> linear_, embed_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
