#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"

namespace dgl {

/// LPIPS, the learned perceptual distance of images (Zhang et al. 2018, arXiv 1801.03924): squared differences of the
/// features of VGG16 behind the last ReLU of each of its five resolutions, each pixel's scaled to length 1, weighted by
/// channel, meaned over pixels and summed over layers. The weights come from a user's file, and only what they give is
/// called lpips.
class Lpips {
 public:
  /// Takes the state dict of PerceptualSimilarity's LPIPS(net = "vgg") (github.com/richzhang/PerceptualSimilarity,
  /// also in CompVis/taming-transformers): `net.slice1.0.weight` … `lin0.model.1.weight` … `scaling_layer.shift`,
  /// behind any prefix, as a checkpoint of latent-diffusion has them behind `loss.perceptual_loss.`. Throws Error,
  /// naming `origin` and the tensor, if one is missing or has another shape, or if the names stand there twice.
  Lpips(const TensorFile& weights, const std::string& origin);

  /// Distances [N] float32 of images [N, C, H, W] in -1 … 1, C of 1 (taken as three equal channels) or 3, H and W of 16
  /// or more. Differentiable in both. May be called by several threads. Throws Error for smaller images.
  torch::Tensor operator()(const torch::Tensor& x, const torch::Tensor& y) const;

  void to(torch::Device device);
  torch::Device device() const { return shift_.device(); }

 private:
  struct Layer {
    torch::Tensor weight, bias;
  };
  /// Feature maps of the five resolutions, their pixels scaled to length 1.
  std::vector<torch::Tensor> features(const torch::Tensor& images) const;

  std::vector<std::vector<Layer>> slices_;  // the convolutions of each resolution
  std::vector<torch::Tensor> weights_;      // [1, C, 1, 1] of each resolution's channels
  torch::Tensor shift_, scale_;             // [1, 3, 1, 1]
};

/// Returns the images, shrunk by a whole factor if they have more than 256 rows: LPIPS compares those of this size, as
/// stylegan2-ada-pytorch's projector and path lengths do.
torch::Tensor shrink_for_lpips(const torch::Tensor& images);

/// Reads it from a checkpoint or a safetensors file. Throws Error as the constructor and load_tensors() do.
Lpips load_lpips(const std::filesystem::path& path);

}  // namespace dgl
