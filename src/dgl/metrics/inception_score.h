#pragma once

#include <torch/types.h>

namespace dgl {

/// Mean and standard deviation (divisor: the number of splits) over the splits.
struct InceptionScore {
  double mean = 0, deviation = 0;
};

/// exp(mean KL(p(y|x) || p(y))) (Salimans et al. 2016, arXiv 1606.03498, section 4) from class scores before the
/// softmax, logits [n, k]: over `splits` parts of the rows, shuffled by the seed as torch-fidelity shuffles them, in
/// float64. From 1 (all alike) to k. Error for fewer rows than splits.
InceptionScore inception_score(const torch::Tensor& logits, int64_t splits = 10, uint32_t seed = 2020);

}  // namespace dgl
