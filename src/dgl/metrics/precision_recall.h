#pragma once

#include <torch/types.h>

namespace dgl {

/// Shares in 0 … 1.
struct PrecisionRecall {
  double precision = 0, recall = 0;
};

/// Improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eq. 1 and 2) of features real [n, d] and
/// fake [m, d]. A set's manifold is the union of balls around its samples, each reaching to the sample's k-th nearest
/// neighbor in the set. Precision: the share of fake features inside the real manifold; recall: of real ones inside the
/// fake manifold. In float64; a distance that equals the radius up to rounding is inside.
/// Error if the dimensions differ, or a set has no more than k samples.
PrecisionRecall precision_recall(const torch::Tensor& real, const torch::Tensor& fake, int64_t k = 3);

}  // namespace dgl
