#include "dgl/metrics/numpy_random.h"

#include <ATen/ATen.h>

#include <bit>
#include <cstdint>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

/// Draws uniformly from 0 … `high`: takes the low bits of successive numbers until one is in range (numpy's
/// random_interval).
uint32_t NumpyRandom::below_or_equal(uint32_t high) {
  if (high == 0) return 0;
  const uint32_t mask = ~uint32_t{0} >> std::countl_zero(high);
  uint32_t value = 0;
  do value = static_cast<uint32_t>(engine_()) & mask;
  while (value > high);
  return value;
}

torch::Tensor NumpyRandom::permutation(int64_t n) {
  if (n < 1 || n > (int64_t{1} << 32)) fail("permutation of {}: expected 1 to 2^32", n);
  torch::Tensor order = at::arange(n, at::kLong);
  auto* at = order.data_ptr<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) std::swap(at[i], at[below_or_equal(static_cast<uint32_t>(i))]);
  return order;
}

}  // namespace dgl
