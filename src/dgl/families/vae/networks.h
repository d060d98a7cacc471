#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/unet_layers.h"
#include "dgl/nn/unet_shape.h"

namespace dgl {

/// Settings of an autoencoder at full width. An architecture reads those that it has.
struct VaeSettings : UNetSettings {
  int64_t z_channels = 4;  ///< of latents, which no width narrows
};

/// Sizes of the images and latents between which an autoencoder's networks map.
struct VaeSizes {
  ImageShape image;
  int64_t latent_channels = 0;
  int64_t factor = 1;  ///< by which a side of the latents is smaller than the image's

  int64_t side() const { return image.height / factor; }
  bool operator==(const VaeSizes&) const = default;
};

/// A distribution of latents for each image: normal with independent coordinates, or a point.
struct Posterior {
  torch::Tensor mean;          ///< [N, C, h, w]
  torch::Tensor log_variance;  ///< the same, in -30 … 20; undefined for a point

  /// From means and logarithms of variances, [N, 2 C, h, w].
  explicit Posterior(const torch::Tensor& moments);
  /// All of the distribution at `mean`.
  static Posterior point(const torch::Tensor& mean);

  /// The mean itself of a point.
  torch::Tensor sample(const at::Generator& random) const;
  /// The divergence from a standard normal distribution in nats, [N]. That of a point is infinite; it stands for an
  /// encoder that is not regularized, and is 0 here.
  torch::Tensor kl() const;
  /// The distribution of the latents times `factor`, above 0.
  Posterior scaled(double factor) const;

 private:
  Posterior() = default;
};

/// Maps images to distributions of latents. Architectures derive from it.
class VaeEncoder : public Network {
 public:
  virtual VaeSizes sizes() const = 0;
  /// Whether encode() gives variances behind the means.
  virtual bool has_variance() const { return true; }
  /// What the network gives, float32, for images [N, C, H, W] in -1 … 1 whose sides are multiples of the factor:
  /// means [N, C, h, w], or means and logarithms of variances [N, 2 C, h, w].
  virtual torch::Tensor encode(const torch::Tensor& images) = 0;
  /// The distribution that encode() gives.
  Posterior posterior(const torch::Tensor& images);

  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;
  /// `images` to `moments`, or to `z` without variances.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;
  bool apply_to_onnx(OnnxGraph& graph) const override;
  /// Adds encode() to a graph.
  virtual std::string to_onnx(OnnxGraph& graph, const std::string& images) const = 0;
  /// Adds the means of encode() to a graph.
  std::string mean_to_onnx(OnnxGraph& graph, const std::string& images) const;

 protected:
  torch::ScalarType activations_ = torch::kFloat;
};

/// Maps latents to images. Architectures derive from it.
class VaeDecoder : public Network {
 public:
  virtual VaeSizes sizes() const = 0;
  /// Images [N, C, H, W], float32, about -1 … 1 and not clamped, of latents [N, C, h, w].
  virtual torch::Tensor decode(const torch::Tensor& latents) = 0;
  /// The weight of the last convolution.
  virtual const torch::Tensor& last_weight() const = 0;

  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;
  /// `z` to `images`.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;
  bool apply_to_onnx(OnnxGraph& graph) const override;
  /// Adds decode() to a graph.
  virtual std::string to_onnx(OnnxGraph& graph, const std::string& latents) const = 0;

 protected:
  torch::ScalarType activations_ = torch::kFloat;
};

}  // namespace dgl
