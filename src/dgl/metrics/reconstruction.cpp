#include "dgl/metrics/reconstruction.h"

#include <cmath>
#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kPeak = 255, kBestDecibels = 100;

/// Gaussian weights of a window, [11], which sum to 1.
Tensor gaussian() {
  constexpr double kDeviation = 1.5;
  const Tensor x = torch::arange(kSimilarityWindow, torch::kDouble) - (kSimilarityWindow - 1) / 2;
  const Tensor weights = at::exp(-x.square() / (2 * kDeviation * kDeviation));
  return weights / weights.sum();
}

/// Weighted means over the windows of [N, 1, H, W].
Tensor windows(const Tensor& x, const Tensor& weights) {
  return at::conv2d(at::conv2d(x, weights.view({1, 1, -1, 1})), weights.view({1, 1, 1, -1}));
}

}  // namespace

Tensor peak_signal_to_noise(const Tensor& images, const Tensor& others) {
  const Tensor errors = (images.to(torch::kDouble) - others.to(torch::kDouble)).square().mean({1, 2, 3});
  return (10 * at::log10(kPeak * kPeak / errors)).clamp_max(kBestDecibels).cpu();
}

Tensor structural_similarity(const Tensor& images, const Tensor& others) {
  if (images.size(2) < kSimilarityWindow || images.size(3) < kSimilarityWindow) {
    fail("structural similarity: images of {} x {} pixels, expected {} or more a side", images.size(3), images.size(2),
         kSimilarityWindow);
  }
  const double c1 = std::pow(0.01 * kPeak, 2), c2 = std::pow(0.03 * kPeak, 2);
  const auto planes = [](const Tensor& t) { return t.to(torch::kDouble).cpu().flatten(0, 1).unsqueeze(1); };
  const Tensor x = planes(images), y = planes(others), weights = gaussian();
  const Tensor mean_x = windows(x, weights), mean_y = windows(y, weights);
  const Tensor var_x = windows(x * x, weights) - mean_x * mean_x, var_y = windows(y * y, weights) - mean_y * mean_y,
               covariance = windows(x * y, weights) - mean_x * mean_y;
  const Tensor similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) /
                            ((mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2));
  return similarity.mean({1, 2, 3}).view({images.size(0), -1}).mean(1);
}

void ReconstructionMeasures::add(const Tensor& images_u8, const Tensor& others_u8) {
  psnr_ += peak_signal_to_noise(images_u8, others_u8).sum().item<double>();
  ssim_ += structural_similarity(images_u8, others_u8).sum().item<double>();
  count_ += images_u8.size(0);
  if (!perceptual_) return;
  const torch::NoGradGuard no_grad;
  const auto in_range = [&](const Tensor& images) { return to_unit_range(images).to(perceptual_->device()); };
  lpips_ += (*perceptual_)(in_range(images_u8), in_range(others_u8)).sum().item<double>();
}

std::optional<double> ReconstructionMeasures::lpips() const {
  if (!perceptual_) return std::nullopt;
  return lpips_ / static_cast<double>(count_);
}

}  // namespace dgl
