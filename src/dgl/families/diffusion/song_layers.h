#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/unet_layers.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {

// The layers of the U-Nets of score_sde (Song et al. 2021, arXiv 2011.13456) as NVlabs/edm builds them (SongUNet in
// training/networks.py; Karras et al. 2022, arXiv 2206.00364, appendix F). Parameters have that program's names.
// Feature maps are [N, C, H, W], float32 or bfloat16; weights are float32.

/// How a layer changes the size of feature maps.
enum class Resizing { keep, halve, twice };

/// Halves or doubles feature maps with a separable filter, each channel by itself.
class FilterResampling {
 public:
  /// `taps` sum to 1: an even number of them, at most 16.
  FilterResampling(Resizing resizing, const std::vector<double>& taps);
  torch::Tensor forward(const torch::Tensor& x) const;
  std::string to_onnx(OnnxGraph& graph, const std::string& x, int64_t channels) const;

 private:
  Resizing resizing_;
  ops::Resample resample_;
  torch::Tensor kernel_;  // [1, 1, taps, taps], with its gain; undefined where the size stays
};

/// The form of a block, in the order of its parts: norm, SiLU, resampling, 3x3 convolution, a linear map of the
/// embedding added, norm, SiLU, 3x3 convolution, and the resampled input beside it, through a 1x1 convolution unless
/// neither channels nor size change; then perhaps self-attention of one head. Both sums are divided by sqrt(2).
struct SongBlockForm {
  std::string name{};    ///< "enc.16x16_block0"
  int64_t in = 0;        ///< channels of its input, with those of `skip`
  int64_t skip = 0;      ///< of them, those of feature maps of the way down behind the others
  int64_t out = 0;       ///< channels of its output
  int64_t side = 0;      ///< of its output
  int64_t pyramid = 0;   ///< channels of the smaller images that are added to its output; 0: none
  bool attends = false;  ///< whether it ends in self-attention
  Resizing resizing = Resizing::keep;

  bool has_shortcut() const { return in != out || resizing != Resizing::keep; }
};

/// The queries, keys and values of self-attention, by one 1x1 convolution whose channels are those of a query, a key
/// and a value in turn.
class InterleavedProjections : public torch::nn::Module {
 public:
  explicit InterleavedProjections(int64_t channels);
  /// Queries, keys and values, [N, C, H, W] each.
  std::vector<torch::Tensor> forward(const torch::Tensor& x);
  std::vector<std::string> to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  torch::Tensor weight_, bias_;  // [3 C, C, 1, 1], [3 C]
};

class SongBlock : public torch::nn::Module {
 public:
  /// `taps` of the resampling filter; vectors of `embedding` numbers.
  SongBlock(const SongBlockForm& form, const GroupRule& rule, int64_t embedding, const std::vector<double>& taps);
  /// `embedding` [N, E] float32. Dropout is in front of the second convolution.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& embedding, const Dropout& dropout = {});
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& embedding) const;

  static void count(CostCounter& counter, const SongBlockForm& form, int64_t embedding);
  /// Axes of a block's tensors. Returns the group of its output: that of `in.x` if it adds its input unchanged, else
  /// its own, called as the block.
  static std::string put_axes(ChannelLayout& layout, const SongBlockForm& form, const ResidualBlock::Inputs& in);

 private:
  SongBlockForm form_;
  FilterResampling resampling_;
  std::shared_ptr<GroupNorm> norm0_, norm1_, norm2_;
  std::shared_ptr<Convolution> conv0_, conv1_, skip_, proj_;  // no skip_ if the input is added unchanged
  std::shared_ptr<LinearLayer> affine_;
  std::shared_ptr<InterleavedProjections> qkv_;  // norm2_, qkv_ and proj_ are null without attention
};

/// A 3x3 convolution of the images, or of what the last one made of them, that halves their size with a filter.
class PyramidLayer : public torch::nn::Module {
 public:
  PyramidLayer(int64_t in, int64_t out, const std::vector<double>& taps);
  torch::Tensor forward(const torch::Tensor& x);
  std::string to_onnx(OnnxGraph& graph, const std::string& x) const;

 private:
  ops::Resample blur_;
  torch::Tensor kernel_;  // [1, 1, taps, taps]
  torch::Tensor weight_, bias_;
};

}  // namespace dgl
