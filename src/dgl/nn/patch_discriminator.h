#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// The shape of a PatchGAN discriminator (Isola et al. 2017, arXiv 1611.07004).
struct PatchDiscriminatorShape {
  int64_t resolution = 256, img_channels = 3;
  int64_t channels = 64;       ///< feature maps of the first convolution
  int64_t layers = 3;          ///< convolutions of stride 2; each doubles the feature maps, to 8 times at most
  std::string norm = "batch";  ///< batch, instance or none, behind all convolutions but the first and the last

  static PatchDiscriminatorShape from_json(const nlohmann::json& json, const std::string& origin);
  /// `family` is the family whose models have it.
  nlohmann::json to_json(const std::string& family) const;
  Cost cost() const;
  /// Feature maps behind convolution `i`, of layers + 1.
  int64_t maps(int64_t i) const;
};

/// From tensors named as in taming-transformers' NLayerDiscriminator ("main.0.weight"). Throws Error, naming `origin`,
/// if a tensor is missing or has the wrong number of dimensions.
PatchDiscriminatorShape patch_discriminator_shape(const NamedTensors& tensors, int64_t resolution,
                                                  const std::string& origin);

/// A PatchGAN discriminator: it scores overlapping patches of an image, [N, P] row by row. Its parameters have the
/// names of taming-transformers' NLayerDiscriminator.
class PatchDiscriminator : public Discriminator {
 public:
  PatchDiscriminator(const PatchDiscriminatorShape& shape, const std::string& family);

  const PatchDiscriminatorShape& shape() const { return shape_; }
  nlohmann::json settings() const override { return shape_.to_json(family_); }
  int64_t resolution() const override { return shape_.resolution; }
  int64_t channels() const override { return shape_.img_channels; }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::vector<std::string> blocks() const override;
  /// With batch norm in training mode, chunks are normalized by their own statistics, and the stored ones move.
  /// Features are what leaves each leaky ReLU.
  Judgement judge(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks, bool features) override;

 private:
  struct Layer {
    std::string name;            ///< of the convolution, "main.0"
    torch::Tensor weight, bias;  ///< no bias in front of a batch norm
    torch::Tensor gain, shift;   ///< of a batch norm
    torch::Tensor mean, var;     ///< its stored statistics
    int64_t stride = 2;
    bool normalized = false;
  };
  Judgement judge_batch(const torch::Tensor& images, bool features);
  torch::Tensor normalize(const torch::Tensor& x, Layer& layer);

  PatchDiscriminatorShape shape_;
  std::string family_;
  std::vector<Layer> layers_;
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
