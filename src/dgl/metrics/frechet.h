#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl {

/// Mean [d] and covariance [d, d] (divisor n - 1) of features, in float64.
struct FeatureStatistics {
  torch::Tensor mean, covariance;
  int64_t count = 0;
};

/// Accumulates sums of features and of their products, so that any number of batches can be streamed.
class StatisticsAccumulator {
 public:
  /// Adds features [n, d]. Throws Error if d differs from earlier calls or a feature is not finite.
  void add(const torch::Tensor& features);
  /// Throws Error if there are fewer than two samples.
  FeatureStatistics finish() const;

 private:
  torch::Tensor shift_, sum_, products_;
  int64_t count_ = 0;
};

/// Returns the Fréchet distance of two Gaussians, |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) (Heusel et al. 2017,
/// arXiv 1706.08500, eq. 6). Computes in float64 and without an epsilon; never NaN, even with singular covariances.
/// Throws Error if the dimensions differ.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

}  // namespace dgl
