#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "dgl/ops/upfirdn2d.h"

namespace dgl::ops {

// upfirdn2d() on the processor line by line, for operations that go on with a line while it is in the cache. Private to
// this library.

/// Returns the sizes of upfirdn2d(x, r).
std::vector<int64_t> upfirdn2d_sizes(const torch::Tensor& x, const Resample& r);

/// Computes upfirdn2d(x, r) and calls finish(first, line) for each of its lines, concurrently. `first` is the line's
/// first pixel, counted over the batch, and `line` holds its [W', C] numbers of x's type.
using FinishLine = std::function<void(int64_t first, const void* line)>;
void upfirdn2d_lines(const torch::Tensor& x, const Resample& r, const FinishLine& finish);

/// Returns the gradient of upfirdn2d() for inputs of height x width, which is differentiable too.
torch::Tensor upfirdn2d_adjoint(const torch::Tensor& g, const Resample& r, int64_t height, int64_t width);

}  // namespace dgl::ops
