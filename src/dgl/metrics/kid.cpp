#include "dgl/metrics/kid.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/checks.h"
#include "dgl/metrics/numpy_random.h"

namespace dgl {

using torch::Tensor;

namespace {

Tensor kernel(const Tensor& x, const Tensor& y) {
  return (at::mm(x, y.t()) / static_cast<double>(x.size(1)) + 1).pow(3);
}

/// The estimate is unbiased because a sample is not compared with itself.
double squared_discrepancy(const Tensor& x, const Tensor& y) {
  const auto n = static_cast<double>(x.size(0));
  const auto within = [&](const Tensor& k) { return (k.sum() - k.trace()).item<double>() / (n * (n - 1)); };
  return within(kernel(x, x)) + within(kernel(y, y)) - 2 * kernel(x, y).sum().item<double>() / (n * n);
}

}  // namespace

Kid kernel_distance(const Tensor& real, const Tensor& fake, const KidOptions& options) {
  check_pair(real, fake, "kernel distance");
  const int64_t size = options.subset_size;
  if (options.subsets < 1) fail("kernel distance: {} subsets, expected at least 1", options.subsets);
  if (size < 2) fail("kernel distance: subsets of {}, expected at least 2", size);
  if (std::min(real.size(0), fake.size(0)) < size) {
    fail("kernel distance: {} real and {} fake features, expected at least a subset of {} of each", real.size(0),
         fake.size(0), size);
  }
  NumpyRandom random(options.seed);
  const auto draw = [&](const Tensor& features) {
    const Tensor rows = random.permutation(features.size(0)).slice(0, 0, size);
    return features.detach().index_select(0, rows.to(features.device())).to(torch::kCPU, torch::kDouble);
  };
  std::vector<double> values;
  for (int64_t i = 0; i < options.subsets; ++i) {
    const Tensor y = draw(fake), x = draw(real);
    values.push_back(squared_discrepancy(x, y));
  }
  const Tensor all = torch::tensor(values, torch::kDouble);
  return {all.mean().item<double>(), all.std(/*unbiased=*/false).item<double>()};
}

}  // namespace dgl
