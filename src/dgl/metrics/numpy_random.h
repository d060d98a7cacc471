#pragma once

#include <torch/types.h>

#include <random>

namespace dgl {

/// numpy's RandomState(seed) as far as metrics draw from it, number for number: the subsets and shuffles of
/// torch-fidelity are numpy's, and the same subsets give the same digits.
class NumpyRandom {
 public:
  explicit NumpyRandom(uint32_t seed) : engine_(seed) {}

  /// RandomState.permutation(n): 0 … n-1 in random order, [n] int64. Its first k are RandomState.choice(n, k,
  /// replace=False), which draws as much. Error for n below 1 or above 2^32.
  torch::Tensor permutation(int64_t n);

 private:
  uint32_t below_or_equal(uint32_t high);

  std::mt19937 engine_;  // seeded and tempered as numpy's MT19937
};

}  // namespace dgl
