#include "dgl/metrics/frechet.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/checks.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Returns R with R^T R = S for a covariance S. Clamps eigenvalues that rounding made negative.
Tensor root_of(const Tensor& covariance) {
  const auto [values, vectors] = at::linalg_eigh(covariance, "L");
  return (vectors * values.clamp_min(0).sqrt()).t();
}

}  // namespace

void StatisticsAccumulator::add(const Tensor& features) {
  check_rows(features, "feature statistics");
  if (features.size(0) == 0) return;
  const Tensor x = features.detach().to(torch::kCPU, torch::kDouble);
  // Subtracts the first batch's mean, so that features far from zero do not lose precision.
  if (!shift_.defined()) {
    shift_ = x.mean(0);
    sum_ = at::zeros_like(shift_);
    products_ = at::zeros({x.size(1), x.size(1)}, x.options());
  }
  if (x.size(1) != shift_.size(0)) fail("feature statistics: {} features, expected {}", x.size(1), shift_.size(0));
  const Tensor centered = x - shift_;
  sum_ += centered.sum(0);
  products_.addmm_(centered.t(), centered);
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
  if (a.mean.equal(b.mean) && a.covariance.equal(b.covariance)) return 0;  // which rounding would miss
  const Tensor difference = a.mean - b.mean;
  // With S = R^T R, tr (S1 S2)^(1/2) is the sum of the singular values of R1 R2^T. Their squares are the eigenvalues of
  // S1 S2. For a singular product they come out near 1e-16, whereas square roots of eigenvalues would be near 1e-8.
  const Tensor product = at::mm(root_of(a.covariance), root_of(b.covariance).t());
  const double cross = at::linalg_svdvals(product).sum().item<double>();
  const double sum = difference.square().sum().item<double>() + a.covariance.trace().item<double>() +
                     b.covariance.trace().item<double>() - 2 * cross;
  return std::max(sum, 0.0);  // below it is rounding
}

}  // namespace dgl
