#pragma once

#include <cstdint>

#include <torch/types.h>

namespace dgl {

/// Mean and standard deviation (divisor: the number of splits) over the splits.
struct InceptionScore {
  double mean = 0, deviation = 0;
};

/// Returns the Inception score, exp(mean KL(p(y|x) || p(y))) (Salimans et al. 2016, arXiv 1606.03498, section 4).
/// `logits` [n, k] are class scores before the softmax. The rows are shuffled by `seed` as in torch-fidelity and
/// divided into `splits` parts. Computes in float64. The score is 1 (all images alike) to k. Throws Error if there are
/// fewer rows than splits.
InceptionScore inception_score(const torch::Tensor& logits, int64_t splits = 10, uint32_t seed = 2020);

}  // namespace dgl
