#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/table_reader.h"
#include "dgl/base/torch.h"
#include "dgl/families/diffusion/noise_levels.h"
#include "dgl/nn/network.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/unet_layers.h"
#include "dgl/nn/unet_shape.h"

namespace dgl {

/// Settings of a denoiser at full width.
struct DenoiserSettings : UNetSettings {
  std::string architecture = "ddpm";  ///< one of denoiser_architectures()
  int64_t classes = 0;                ///< number of labels; 0 for an unconditional model
  Precondition precondition = Precondition::edm;
  Solver solver;  ///< that the model draws images with
};

/// What the shapes of all denoisers have in common. On the way up a level has one block more, and each takes feature
/// maps of the way down beside its input.
struct DenoiserShape : UNetShape {
  int64_t classes;
  Precondition precondition;
  Solver solver;

  /// Throws Error if a layer would have no channels.
  static DenoiserShape make(const DenoiserSettings& settings, Rational width);
  /// Reads what to_json() gives. Throws Error, which names `origin` and the key, for a value out of range or levels
  /// that do not divide the resolution.
  static DenoiserShape from_settings(const TableReader& settings, const std::string& origin);
  nlohmann::json to_json() const;
  /// Channels of the feature maps of the way down that the way up takes, in the order that they are made.
  std::vector<int64_t> skips() const;
  /// Length of the vectors by which all blocks know of times and labels.
  int64_t embedding() const { return 4 * first_channels; }
};

/// What a denoiser makes of noisy images.
struct Denoised {
  torch::Tensor output;  ///< F: what the network itself gives, [N, C, R, R]
  torch::Tensor images;  ///< D: the images without their noise, [N, C, R, R]
};

/// A U-Net F(x; t) of any architecture and the denoiser that preconditioning makes of it (Karras et al. 2022, arXiv
/// 2206.00364, eq. 7):
///
///     D(x; sigma) = c_skip x + c_out F(c_in x; c_noise)
class Denoiser : public Network {
 public:
  virtual const DenoiserShape& shape() const = 0;
  /// Its name among denoiser_architectures().
  virtual std::string architecture() const = 0;
  /// c_noise over ln sigma with precondition = "edm".
  virtual double noise_factor() const = 0;
  /// The weight of the last convolution.
  virtual const torch::Tensor& last_weight() const = 0;

  void set_activations(torch::ScalarType type) override { activations_ = type; }
  std::function<void()> example_pass(int64_t batch, torch::Device device) override;

  /// `x` and `sigma` [N] to `denoised`, D; `images` and `t` [N] or `sigma` [N] to `output`, F of these images as they
  /// are. With `labels` [N] if it knows labels.
  TensorMap apply(const TensorMap& inputs, const std::string& origin) override;

  /// F of x [N, C, R, R] at times [N], float32. Labels [N] are undefined for an unconditional denoiser.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& times, const torch::Tensor& labels,
                        const Dropout& dropout = {});
  /// D and F of noisy images x [N, C, R, R], whose noise has the standard deviations sigma [N], float32.
  Denoised denoise(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& labels,
                   const Dropout& dropout = {});
  /// The factors of D for noise of the standard deviations sigma [N].
  Scaling scaling(const torch::Tensor& sigma) const { return scaling_of(shape().precondition, sigma, noise_factor()); }

  /// Adds F of images and times [N], by their names in a graph. Labels are "" for an unconditional denoiser.
  virtual std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
                              const std::string& labels) const = 0;
  /// `x` and `sigma` to `denoised`.
  bool apply_to_onnx(OnnxGraph& graph) const override;

 protected:
  torch::ScalarType activations() const { return activations_; }

 private:
  /// forward() by the operations that reference() says.
  virtual torch::Tensor predict(const torch::Tensor& x, const torch::Tensor& times, const torch::Tensor& labels,
                                const Dropout& dropout) = 0;

  torch::ScalarType activations_ = torch::kFloat;
};

/// Sines and then cosines [N, 2 F] of times [N] by frequencies [F].
torch::Tensor waves_of(const torch::Tensor& times, const torch::Tensor& frequencies);
/// The same in a graph.
std::string waves_to_onnx(OnnxGraph& graph, const std::string& times, const torch::Tensor& frequencies);
/// The frequencies [count] of DDPM's embedding, from 1 down to 1 / 10000, evenly spaced in their logarithm; `count` is
/// 2 or more.
torch::Tensor even_frequencies(int64_t count);

}  // namespace dgl
