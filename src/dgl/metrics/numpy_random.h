#pragma once

#include <torch/types.h>

#include <cstdint>
#include <random>

namespace dgl {

/// numpy's RandomState(seed), number for number, as far as metrics use it. torch-fidelity draws subsets and shuffles
/// with numpy; equal subsets give equal digits.
class NumpyRandom {
 public:
  explicit NumpyRandom(uint32_t seed) : engine_(seed) {}

  /// RandomState.permutation(n): the numbers 0 … n-1 in random order, [n] int64. Its first k equal
  /// RandomState.choice(n, k, replace=False) and consume as many random numbers. Throws Error if n is below 1 or above
  /// 2^32.
  torch::Tensor permutation(int64_t n);

 private:
  uint32_t below_or_equal(uint32_t high);

  std::mt19937 engine_;  // seeded and tempered as numpy's MT19937
};

}  // namespace dgl
