#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/formats/onnx.h"
#include "dgl/nn/channels.h"
#include "dgl/nn/settings.h"

namespace dgl {

// The layers of the U-Net of denoising diffusion (Ho et al. 2020, arXiv 2006.11239), which latent diffusion's
// autoencoder is built of too (Rombach et al. 2022, arXiv 2112.10752). Parameters have the names of
// CompVis/latent-diffusion. Feature maps are [N, C, H, W], float32 or bfloat16; weights are float32.

/// How many groups a group norm has: the largest number that divides its channels, is at most `most` and leaves
/// `channels` or more to each group.
struct GroupRule {
  int64_t most = 32;
  int64_t channels = 4;  ///< 1 in latent diffusion, where there are always 32 groups
  int64_t groups(int64_t of_channels) const;
};

/// A convolution, with bias unless `bias` is false. Fresh weights are uniform, as in libtorch's layers.
class Convolution : public torch::nn::Module {
 public:
  /// What becomes of the size of feature maps.
  enum class Step {
    keep,          ///< stays, with zeros on all sides
    halve,         ///< an even size halves: stride 2 behind a row and column of zeros at the lower and right edges
    halve_around,  ///< the same behind zeros on all sides
  };
  Convolution(int64_t in, int64_t out, int64_t kernel, bool bias = true);
  /// Keeps the size, and applies ReLU if `relu`, which needs a bias and a kernel of 3.
  torch::Tensor forward(const torch::Tensor& x, bool relu = false);
  /// Halves the size as `step` says. The kernel is 3.
  torch::Tensor halve(const torch::Tensor& x, Step step = Step::halve);
  std::string to_onnx(OnnxGraph& graph, const std::string& x, Step step = Step::keep) const;
  const torch::Tensor& weight() const { return weight_; }

 private:
  int64_t kernel_;
  torch::Tensor weight_, bias_;  // bias_ is undefined without one
};

/// Group norm with an affine map, then SiLU if `silu`. Epsilon is 1e-6.
class GroupNorm : public torch::nn::Module {
 public:
  GroupNorm(int64_t channels, const GroupRule& rule, bool silu);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  int64_t groups_;
  bool silu_;
  torch::Tensor weight_, bias_;
};

/// norm, SiLU, 3x3 convolution, twice, and the input beside it, through a 1x1 convolution if the channels change.
class ResidualBlock : public torch::nn::Module {
 public:
  ResidualBlock(int64_t in, int64_t out, const GroupRule& rule);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

  static void count(CostCounter& counter, int64_t in, int64_t out, int64_t pixels);
  /// Axes of a block called `name` whose input is the channel group `in`, "" for a fixed one. Returns the group of its
  /// output: `in` if it adds its input unchanged, else its own.
  static std::string put_axes(ChannelLayout& layout, const std::string& name, const std::string& in, bool shortcut);

 private:
  std::shared_ptr<GroupNorm> norm1_, norm2_;
  std::shared_ptr<Convolution> conv1_, conv2_, shortcut_;  // no shortcut_ if the input is added unchanged
};

/// Self-attention of one head over all pixels, added to its input. Scores and softmax are float32.
class AttentionBlock : public torch::nn::Module {
 public:
  AttentionBlock(int64_t channels, const GroupRule& rule);
  torch::Tensor forward(const torch::Tensor& x);
  /// For feature maps of `height` x `width` pixels.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, int64_t height, int64_t width) const;

  static void count(CostCounter& counter, int64_t channels, int64_t pixels);
  static void put_axes(ChannelLayout& layout, const std::string& name, const std::string& group);

 private:
  std::shared_ptr<GroupNorm> norm_;
  std::shared_ptr<Convolution> q_, k_, v_, proj_out_;
};

/// A 3x3 convolution behind (`up`) nearest-neighbor upsampling to twice the size, or one that halves it.
class Resampling : public torch::nn::Module {
 public:
  Resampling(int64_t channels, bool up);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  bool up_;
  std::shared_ptr<Convolution> conv_;
};

/// Axes of a convolution called `name` between channel groups, "" for channels that no width changes.
void put_convolution_axes(ChannelLayout& layout, const std::string& name, const std::string& in, const std::string& out,
                          bool bias = true);
/// Axes of a group norm.
void put_norm_axes(ChannelLayout& layout, const std::string& name, const std::string& group);
/// Parameters of a group norm; its operations are not counted.
void count_norm(CostCounter& counter, int64_t channels);

}  // namespace dgl
