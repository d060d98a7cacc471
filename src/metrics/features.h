#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <string>

#include "data/dataset.h"

namespace dgl {

/// A network that turns images into feature vectors that a Fréchet distance is taken on. Its distance has a name of its
/// own (`fd_mnist`), and is never called FID, which is the Inception network's.
class FeatureNetwork {
 public:
  virtual ~FeatureNetwork() = default;

  /// What the distance on these features is called, e.g. "fd_mnist".
  virtual std::string distance_name() const = 0;
  /// Features per image.
  virtual int64_t dimensions() const = 0;
  /// images [N, C, R, R] uint8 -> features [N, d] float32, without gradients. Error for a resolution or number of
  /// channels that the network was not made for.
  virtual torch::Tensor features(const torch::Tensor& images_u8) = 0;
  /// images [N, C, R, R] uint8 -> class scores [N, k] float32 before the softmax.
  virtual torch::Tensor logits(const torch::Tensor& images_u8) = 0;
  virtual void to(torch::Device device) = 0;
};

/// Reads a feature network (safetensors, settings in the metadata). Error if the file is not one.
std::shared_ptr<FeatureNetwork> load_feature_network(const std::filesystem::path& path);

}  // namespace dgl
