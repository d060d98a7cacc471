#pragma once

#include "dgl/base/torch.h"
#include "dgl/metrics/frechet.h"

namespace dgl::test {

/// Statistics of features [n, d], given as one batch.
inline FeatureStatistics statistics(const torch::Tensor& features) {
  StatisticsAccumulator sums;
  sums.add(features);
  return sums.finish();
}

}  // namespace dgl::test
