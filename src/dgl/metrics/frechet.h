#pragma once

#include <torch/types.h>

namespace dgl {

/// Mean [d] and covariance [d, d] (divisor n - 1) of features, in float64.
struct FeatureStatistics {
  torch::Tensor mean, covariance;
  int64_t count = 0;
};

/// Sums of features and of their products, so that any number of batches can be streamed.
class StatisticsAccumulator {
 public:
  /// Adds features [n, d]. Error for another d than before, or for features that are not finite.
  void add(const torch::Tensor& features);
  /// Error with fewer than two samples.
  FeatureStatistics finish() const;

 private:
  torch::Tensor shift_, sum_, products_;
  int64_t count_ = 0;
};

/// Fréchet distance of two Gaussians, |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) (Heusel et al. 2017,
/// arXiv 1706.08500, eq. 6), in float64 and without an epsilon: never NaN, singular covariances included.
/// Error if the dimensions differ.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

}  // namespace dgl
