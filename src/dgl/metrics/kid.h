#pragma once

#include <torch/types.h>

namespace dgl {

struct KidOptions {
  int64_t subsets = 100;
  int64_t subset_size = 1000;
  uint32_t seed = 2020;  ///< torch-fidelity's
};

/// Mean and standard deviation (divisor: the number of subsets) over the subsets.
struct Kid {
  double mean = 0, deviation = 0;
};

/// Kernel distance (Bińkowski et al. 2018, arXiv 1801.01401, section 4): the unbiased estimate of the squared maximum
/// mean discrepancy under the kernel k(x, y) = (x . y / d + 1)^3, over random subsets of the features real [n, d] and
/// fake [m, d], drawn without replacement: torch-fidelity's very subsets, with the generated images as its first input
/// and the real ones as its second. In float64. It can be below zero.
/// Error if the dimensions differ, or a set is smaller than a subset.
Kid kernel_distance(const torch::Tensor& real, const torch::Tensor& fake, const KidOptions& options);

}  // namespace dgl
