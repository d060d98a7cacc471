#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"

namespace dgl {

/// What a feature network gives of a batch in one pass.
struct Activations {
  torch::Tensor features;  ///< [N, d] float32
  torch::Tensor logits;    ///< [N, k] float32, class scores before the softmax
};

/// A network that turns images into feature vectors that a Fréchet distance is taken on. Its distance has a name of its
/// own (`fd_mnist`); only the Inception network's is called `fid`.
class FeatureNetwork {
 public:
  virtual ~FeatureNetwork() = default;

  /// What the distance on these features is called, e.g. "fd_mnist".
  virtual std::string distance_name() const = 0;
  /// Features per image.
  virtual int64_t dimensions() const = 0;
  /// Class scores per image.
  virtual int64_t classes() const = 0;
  /// images [N, C, R, R] uint8 -> features [N, d] float32, without gradients. Error for a resolution or number of
  /// channels that the network was not made for.
  virtual torch::Tensor features(const torch::Tensor& images_u8) = 0;
  /// The same with class scores.
  virtual Activations activations(const torch::Tensor& images_u8) = 0;
  virtual void to(torch::Device device) = 0;
};

/// Reads a feature network: one of our own (settings in the metadata) or the FID Inception network (told by its keys).
/// Error if the file is neither.
std::shared_ptr<FeatureNetwork> load_feature_network(const std::filesystem::path& path);

}  // namespace dgl
