#pragma once

#include <array>
#include <map>
#include <string>

#include "dgl/formats/safetensors.h"
#include "dgl/metrics/features.h"

namespace dgl {

/// What the FID Inception network gives on its way, each float32: the pooled maps after its first two max pools and its
/// last 17 x 17 block, the features, and the class scores without and with the last bias.
struct InceptionOutputs {
  torch::Tensor pool64, pool192, pool768, pool2048;  ///< [N, 64], [N, 192], [N, 768], [N, 2048]
  torch::Tensor logits_unbiased, logits;             ///< [N, 1008]
};

/// The network that FID is defined on: Inception v3 (Szegedy et al. 2015, arXiv 1512.00567) as the TensorFlow graph
/// classify_image_graph_def.pb of 2015-12-05 has it, in the form of torch-fidelity's and pytorch-fid's weights. It
/// differs from the usual Inception v3: average pools leave the padding out of the count, the last block pools by
/// maximum, batch norm has epsilon 1e-3, there are 1008 classes, and images are resized inside, by TensorFlow 1's
/// bilinear rule without antialiasing.
class Inception : public FeatureNetwork {
 public:
  /// The network of a state dict with the keys of weights-inception-2015-12-05 (`Conv2d_1a_3x3.conv.weight` …
  /// `fc.bias`; `num_batches_tracked` may be there). Error, naming `origin` and the tensor, for one that is missing,
  /// unknown, or of another shape or kind.
  Inception(const TensorFile& weights, const std::string& origin);

  std::string distance_name() const override { return "fid"; }
  int64_t dimensions() const override { return 2048; }
  int64_t classes() const override { return 1008; }
  torch::Tensor features(const torch::Tensor& images_u8) override { return outputs(images_u8).pool2048; }
  /// The class scores are those without the last bias, which the Inception score is taken on.
  Activations activations(const torch::Tensor& images_u8) override;
  void to(torch::Device device) override;

  /// images [N, 3, H, W] uint8, of any size; gray ones [N, 1, H, W] count as RGB with three equal channels.
  InceptionOutputs outputs(const torch::Tensor& images_u8);

 private:
  /// A convolution with its batch norm folded in.
  struct Layer {
    torch::Tensor weight, bias;
    int64_t stride = 1;
    std::array<int64_t, 2> padding{};
  };
  torch::Tensor run(const std::string& layer, const torch::Tensor& x) const;
  /// Layers one after the other: `prefix` + each of `names`.
  torch::Tensor chain(const std::string& prefix, const std::vector<std::string>& names, torch::Tensor x) const;
  torch::Tensor block_a(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_b(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_c(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_d(const std::string& name, const torch::Tensor& x) const;
  torch::Tensor block_e(const std::string& name, const torch::Tensor& x, bool max_pool) const;

  std::map<std::string, Layer> layers_;
  torch::Tensor fc_weight_, fc_bias_;
};

/// Whether a state dict is (meant to be) the FID Inception network's.
bool is_inception(const TensorFile& weights);

/// TensorFlow 1's tf.image.resize_bilinear with align_corners = false: x [N, C, H, W] float32 -> [N, C, size, size].
/// The sample at i is taken at i * H / size, linearly between the two pixels beside it; no antialiasing.
torch::Tensor resize_bilinear_tf1(const torch::Tensor& x, int64_t size);

}  // namespace dgl
