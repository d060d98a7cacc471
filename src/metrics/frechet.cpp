#include "metrics/frechet.h"

#include <ATen/ATen.h>

#include "base/error.h"

namespace dgl {

using torch::Tensor;

void StatisticsAccumulator::add(const Tensor& features) {
  if (features.dim() != 2) fail("feature statistics: expected features [n, d]");
  if (features.size(0) == 0) return;
  const Tensor x = features.detach().to(torch::kCPU, torch::kDouble);
  // Sums are taken about the first batch's mean, so that features far from zero lose no digits.
  if (!shift_.defined()) {
    shift_ = x.mean(0);
    sum_ = at::zeros_like(shift_);
    products_ = at::zeros({x.size(1), x.size(1)}, x.options());
  }
  if (x.size(1) != shift_.size(0)) fail("feature statistics: {} features, expected {}", x.size(1), shift_.size(0));
  const Tensor centred = x - shift_;
  sum_ += centred.sum(0);
  products_.addmm_(centred.t(), centred);
  count_ += x.size(0);
}

FeatureStatistics StatisticsAccumulator::finish() const {
  if (count_ < 2) fail("feature statistics: {} samples, expected at least 2", count_);
  const auto n = static_cast<double>(count_);
  const Tensor mean = sum_ / n;
  return {shift_ + mean, (products_ - n * at::outer(mean, mean)) / (n - 1), count_};
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  if (a.mean.sizes() != b.mean.sizes()) {
    fail("Fréchet distance: {} features against {}", a.mean.numel(), b.mean.numel());
  }
  const Tensor difference = a.mean - b.mean;
  // S1 S2 has the eigenvalues of the symmetric S1^(1/2) S2 S1^(1/2), all of them >= 0 but for rounding.
  const auto [values, vectors] = at::linalg_eigh(a.covariance, "L");
  const Tensor root = at::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
  const Tensor product = at::mm(at::mm(root, b.covariance), root);
  const Tensor eigenvalues = at::linalg_eigvalsh((product + product.t()) / 2, "L");
  const double cross = eigenvalues.clamp_min(0).sqrt().sum().item<double>();
  return difference.square().sum().item<double>() + a.covariance.trace().item<double>() +
         b.covariance.trace().item<double>() - 2 * cross;
}

}  // namespace dgl
