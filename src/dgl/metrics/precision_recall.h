#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl {

/// The neighbors that commands count, k of the two papers below.
inline constexpr int64_t kPrecisionNeighbors = 3, kDensityNeighbors = 5;

/// Precision and recall, each in 0 … 1.
struct PrecisionRecall {
  double precision = 0, recall = 0;
};

/// Returns improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1 and 2) of features `real`
/// [n, d] and `fake` [m, d]. A set's manifold is the union of balls around its samples. The radius of each ball is the
/// distance to the sample's k-th nearest neighbor in the set. Precision is the share of fake features inside the real
/// manifold. Recall is the share of real features inside the fake manifold. Computes in float64. A distance that equals
/// the radius up to rounding is inside. Throws Error if the dimensions differ, or if a set has no more than k samples.
PrecisionRecall precision_recall(const torch::Tensor& real, const torch::Tensor& fake, int64_t k = kPrecisionNeighbors);

/// Density, from 0 on and near 1 for equal distributions, and coverage in 0 … 1.
struct DensityCoverage {
  double density = 0, coverage = 0;
};

/// Returns density and coverage (Naeem et al. 2020, arXiv 2002.09797, eq. 3 and 4) of features `real` [n, d] and `fake`
/// [m, d], as clovaai/generative-evaluation-prdc computes them: how many balls of real samples a fake feature lies in,
/// as a share of k, and the share of real samples whose balls hold a fake feature. The balls are those of
/// precision_recall(). Computes in float64. A distance that equals the radius up to rounding is outside. Throws Error
/// as precision_recall() does.
DensityCoverage density_coverage(const torch::Tensor& real, const torch::Tensor& fake, int64_t k = kDensityNeighbors);

/// Returns the percentage of fake features that are no copies (Alaa et al. 2022, arXiv 2102.08921, section 4, as
/// marcojira/fls computes it): those farther from the real feature nearest to them than that one is from its own
/// nearest other. Low if a generator has memorized its training images. Computes in float64; a distance that is equal
/// up to rounding counts as a copy's. Throws Error as precision_recall() does with k = 1.
double authentic_percentage(const torch::Tensor& real, const torch::Tensor& fake);

}  // namespace dgl
