#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"

namespace dgl {

/// The output of a feature network for a batch.
struct Activations {
  torch::Tensor features;  ///< [N, d] float32
  torch::Tensor logits;    ///< [N, k] float32, class scores before the softmax
};

/// A network that maps images to feature vectors for a Fréchet distance. Each network's distance has its own name, such
/// as `fd_mnist`; only the Inception network's is called `fid`.
class FeatureNetwork {
 public:
  virtual ~FeatureNetwork() = default;

  /// Returns the name of the distance on these features, such as "fd_mnist".
  virtual std::string distance_name() const = 0;
  /// Number of features per image.
  virtual int64_t dimensions() const = 0;
  /// Number of class scores per image.
  virtual int64_t classes() const = 0;
  /// Maps images [N, C, R, R] uint8 to features [N, d] float32, without gradients. Throws Error if the network does not
  /// support the resolution or number of channels.
  virtual torch::Tensor features(const torch::Tensor& images_u8) = 0;
  /// Returns features and class scores.
  virtual Activations activations(const torch::Tensor& images_u8) = 0;
  virtual void to(torch::Device device) = 0;
};

/// Reads a feature network: a Classifier (settings in the metadata) or the FID Inception network (recognized by its
/// keys), or that of DINOv2 or CLIP. Throws Error if the file is none of these. `clean` asks for clean-fid's resizing,
/// which is for the Inception network alone.
std::shared_ptr<FeatureNetwork> load_feature_network(const std::filesystem::path& path, bool clean = false);

}  // namespace dgl
