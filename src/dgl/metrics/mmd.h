#pragma once

#include <torch/types.h>

namespace dgl {

/// Squared maximum mean discrepancy of features `real` [n, d] and `fake` [m, d] with the kernel exp(-|x - y|^2 / (2
/// sigma^2)), by its biased estimator (Gretton et al. 2012, JMLR 13, eq. 5), times 1000: CMMD where the features are
/// CLIP's (Jayasumana et al. 2024, arXiv 2401.09603), as its authors' program prints it. Computes in float64. Throws
/// Error if the dimensions differ or numbers are not finite.
double rbf_mmd(const torch::Tensor& real, const torch::Tensor& fake, double sigma = 10);

}  // namespace dgl
