#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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
    within,        ///< shrinks by the kernel's less 1: nothing is put around
  };
  Convolution(int64_t in, int64_t out, int64_t kernel, bool bias = true);
  /// Keeps the size, and applies ReLU if `relu`, which needs a bias and a kernel of 3.
  torch::Tensor forward(const torch::Tensor& x, bool relu = false);
  /// Halves the size as `step` says. The kernel is 3.
  torch::Tensor halve(const torch::Tensor& x, Step step = Step::halve);
  /// Puts nothing around the feature maps (Step::within).
  torch::Tensor within(const torch::Tensor& x);
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

/// A linear map of vectors [N, in] to [N, out] with bias. Fresh weights are uniform, as in libtorch's layers.
class LinearLayer : public torch::nn::Module {
 public:
  LinearLayer(int64_t in, int64_t out);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  torch::Tensor weight_, bias_;
};

/// Sets a share `p` of numbers to 0 and scales the others by 1 / (1 - p). Without a random generator, which is outside
/// training, it does nothing.
struct Dropout {
  double p = 0;
  at::Generator random{};
  torch::Tensor operator()(const torch::Tensor& x) const;
};

/// norm, SiLU, 3x3 convolution, twice, and the input beside it, through a 1x1 convolution if the channels change. With
/// an embedding, of `embedding` numbers an image, a linear map of it is added between the convolutions.
class ResidualBlock : public torch::nn::Module {
 public:
  ResidualBlock(int64_t in, int64_t out, const GroupRule& rule, int64_t embedding = 0);
  /// `embedding` [N, E] float32, undefined for a block without. Dropout is in front of the second convolution.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& embedding = {}, const Dropout& dropout = {});
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& embedding = "") const;

  static void count(CostCounter& counter, int64_t in, int64_t out, int64_t pixels, int64_t embedding = 0);
  /// The channel groups of a block's inputs.
  struct Inputs {
    std::string x{};          ///< "" for channels that no width changes
    std::string skip{};       ///< of feature maps that are concatenated behind x; "" for none
    std::string embedding{};  ///< "" for none
  };
  /// Axes of a block called `name`. Returns the group of its output: `in.x` if it adds its input unchanged, else its
  /// own.
  static std::string put_axes(ChannelLayout& layout, const std::string& name, const Inputs& in, bool shortcut);

 private:
  std::shared_ptr<GroupNorm> norm1_, norm2_;
  std::shared_ptr<LinearLayer> embedding_;                 // null without an embedding
  std::shared_ptr<Convolution> conv1_, conv2_, shortcut_;  // no shortcut_ if the input is added unchanged
};

/// Attention of one head over all pixels: what queries make of keys and values, all [N, C, H, W]. Scores and softmax
/// are float32.
torch::Tensor attend(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& values);
/// The same in a graph, of maps of `channels` times `height` x `width` pixels.
std::string attend_to_onnx(OnnxGraph& graph, const std::string& queries, const std::string& keys,
                           const std::string& values, int64_t channels, int64_t height, int64_t width);

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

/// What stands between the levels that halve and those that double: a residual block, attention, a residual block.
class MiddleBlocks : public torch::nn::Module {
 public:
  MiddleBlocks(int64_t channels, const GroupRule& rule, int64_t embedding = 0);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& embedding = {}, const Dropout& dropout = {});
  /// For feature maps of `side` x `side` pixels.
  std::string to_onnx(OnnxGraph& graph, const std::string& x, int64_t side, const std::string& embedding = "") const;

  static void count(CostCounter& counter, int64_t channels, int64_t pixels, int64_t embedding = 0);
  static void put_axes(ChannelLayout& layout, const std::string& name, const std::string& group,
                       const std::string& embedding = "");

 private:
  std::shared_ptr<ResidualBlock> block1_, block2_;
  std::shared_ptr<AttentionBlock> attention_;
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

/// Adds an empty module, under whose name others are registered.
std::shared_ptr<torch::nn::Module> add_folder(torch::nn::Module& parent, const std::string& name);

/// Adds what a module called `name` computes of `inputs` to a graph.
template <class M, class... Inputs>
std::string add_to_graph(OnnxGraph& graph, const std::string& name, const M& module, const Inputs&... inputs) {
  const OnnxGraph::Scope scope(graph, name);
  return module.to_onnx(graph, inputs...);
}

/// Axes of a convolution called `name` between channel groups, "" for channels that no width changes. The channels of
/// the group `skip` stand behind those of `in`, unless it is "".
void put_convolution_axes(ChannelLayout& layout, const std::string& name, const std::string& in, const std::string& out,
                          const std::string& skip = "", bool bias = true);
/// Axes of a linear map called `name` between channel groups.
void put_linear_axes(ChannelLayout& layout, const std::string& name, const std::string& in, const std::string& out);
/// Axes of a group norm of the channels of `group` and, behind them, of `skip`.
void put_norm_axes(ChannelLayout& layout, const std::string& name, const std::string& group,
                   const std::string& skip = "");
/// Parameters of a group norm; its operations are not counted.
void count_norm(CostCounter& counter, int64_t channels);

}  // namespace dgl
