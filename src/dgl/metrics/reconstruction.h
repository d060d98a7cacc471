#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "dgl/losses/lpips.h"

namespace dgl {

/// The peak signal-to-noise ratio of each pair of images, [N] float64 in decibels: 10 log10(255² / mean squared
/// difference). Images are [N, C, H, W] uint8, as they would be written to files. Equal images have 100 dB.
torch::Tensor peak_signal_to_noise(const torch::Tensor& images, const torch::Tensor& others);

/// The smallest side of images that have a structural similarity.
constexpr int64_t kSimilarityWindow = 11;
/// The structural similarity of each pair of images, [N] float64, at most 1 (Wang et al. 2004, "Image quality
/// assessment", eq. 13): Gaussian windows of 11 x 11 pixels with a deviation of 1.5, K of 0.01 and 0.03, windows within
/// the image only, channels averaged. Images are [N, C, H, W] uint8 of 11 pixels a side or more. Throws Error for
/// smaller ones.
torch::Tensor structural_similarity(const torch::Tensor& images, const torch::Tensor& others);

/// Collects both over batches, and the perceptual distance, if there is a network for it.
class ReconstructionMeasures {
 public:
  /// `perceptual`, which may be null, has to outlive this object.
  explicit ReconstructionMeasures(const Lpips* perceptual = nullptr) : perceptual_(perceptual) {}
  void add(const torch::Tensor& images_u8, const torch::Tensor& others_u8);
  int64_t count() const { return count_; }
  /// Means over all pairs; NaN before the first.
  double psnr() const { return psnr_ / static_cast<double>(count_); }
  double ssim() const { return ssim_ / static_cast<double>(count_); }
  /// Nothing without a network.
  std::optional<double> lpips() const;

 private:
  const Lpips* perceptual_;
  double psnr_ = 0, ssim_ = 0, lpips_ = 0;
  int64_t count_ = 0;
};

}  // namespace dgl
