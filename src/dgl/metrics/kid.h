#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl {

struct KidOptions {
  int64_t subsets = 100;
  int64_t subset_size = 1000;
  uint32_t seed = 2020;  ///< torch-fidelity's default
};

/// Mean and standard deviation (divisor: the number of subsets) over the subsets.
struct Kid {
  double mean = 0, deviation = 0;
};

/// Returns the kernel distance (Bińkowski et al. 2018, arXiv 1801.01401, section 4): the unbiased estimate of the
/// squared maximum mean discrepancy under the kernel k(x, y) = (x . y / d + 1)^3. It can be negative. Computes in
/// float64.
///
/// Averages over random subsets of the features `real` [n, d] and `fake` [m, d], drawn without replacement. The subsets
/// are those of torch-fidelity with the generated images as its first input and the real ones as its second. Throws
/// Error if the dimensions differ, or if a set is smaller than a subset.
Kid kernel_distance(const torch::Tensor& real, const torch::Tensor& fake, const KidOptions& options);

}  // namespace dgl
