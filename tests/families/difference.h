#pragma once

#include "dgl/base/torch.h"

namespace dgl::test {

/// The largest difference, relative to the largest number of `expected`.
inline double difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.abs().max()).item<double>();
}

}  // namespace dgl::test
