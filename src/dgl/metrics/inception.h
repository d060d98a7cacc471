#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/features.h"

namespace dgl {

/// Outputs of the FID Inception network, each float32. The pooled maps follow its first two max pools and its last
/// 17 x 17 block. The class scores are given without and with the last bias.
struct InceptionOutputs {
  torch::Tensor pool64, pool192, pool768, pool2048;  ///< [N, 64], [N, 192], [N, 768], [N, 2048]
  torch::Tensor logits_unbiased, logits;             ///< [N, 1008]
};

/// The network that defines FID: Inception v3 (Szegedy et al. 2015, arXiv 1512.00567) as in the TensorFlow graph
/// classify_image_graph_def.pb of 2015-12-05. The weights are those of torch-fidelity and pytorch-fid. Differences from
/// the usual Inception v3:
/// - average pools exclude the padding from the count
/// - the last block pools by maximum
/// - batch norm has epsilon 1e-3
/// - there are 1008 classes
/// - images are resized inside, by TensorFlow 1's bilinear rule without antialiasing
class Inception : public FeatureNetwork {
 public:
  /// Builds the network from a state dict with the keys of weights-inception-2015-12-05 (`Conv2d_1a_3x3.conv.weight` …
  /// `fc.bias`; `num_batches_tracked` is optional). Throws Error, naming `origin` and the tensor, if a tensor is
  /// missing, unknown, or has the wrong shape or type.
  Inception(const TensorFile& weights, const std::string& origin);

  /// Resizes images outside of the network as clean-fid does: Pillow's antialiased bicubic filter without rounding,
  /// clamped to 0 … 255. The distance is then called `clean_fid`.
  void use_clean_resizing() { clean_ = true; }
  std::string distance_name() const override { return clean_ ? "clean_fid" : "fid"; }
  int64_t dimensions() const override { return 2048; }
  int64_t classes() const override { return 1008; }
  torch::Tensor features(const torch::Tensor& images_u8) override { return outputs(images_u8).pool2048; }
  /// Returns the class scores without the last bias, as the Inception score uses them.
  Activations activations(const torch::Tensor& images_u8) override;
  void to(torch::Device device) override;

  /// Takes images [N, 3, H, W] uint8 of any size. Gray images [N, 1, H, W] are treated as RGB with three equal
  /// channels.
  InceptionOutputs outputs(const torch::Tensor& images_u8);

 private:
  /// A convolution with its batch norm folded in.
  struct Layer {
    torch::Tensor weight, bias;
    int64_t stride = 1;
    std::array<int64_t, 2> padding{};
  };
  torch::Tensor run(const std::string& layer, const torch::Tensor& x) const;
  /// Applies layers in sequence: `prefix` + each of `names`.
  torch::Tensor chain(const std::string& prefix, const std::vector<std::string>& names, torch::Tensor x) const;
  torch::Tensor block_a(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_b(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_c(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_d(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_e(const std::string& name, const torch::Tensor& x, bool max_pool) const;

  /// Images [N, C, H, W] uint8 as [N, C, 299, 299] float32, from 0 to 255.
  torch::Tensor resized(const torch::Tensor& images_u8) const;

  bool clean_ = false;
  std::map<std::string, Layer> layers_;
  torch::Tensor fc_weight_, fc_bias_;
};

/// True if a state dict is, or is meant to be, that of the FID Inception network.
bool is_inception(const TensorFile& weights);

/// TensorFlow 1's tf.image.resize_bilinear with align_corners = false: x [N, C, H, W] float32 -> [N, C, size, size].
/// Interpolates linearly at position i * H / `size`, without antialiasing.
torch::Tensor resize_bilinear_tf1(const torch::Tensor& x, int64_t size);

}  // namespace dgl
