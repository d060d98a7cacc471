#include "dgl/metrics/inception_score.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/checks.h"
#include "dgl/metrics/numpy_random.h"

namespace dgl {

using torch::Tensor;

InceptionScore inception_score(const Tensor& logits, int64_t splits, uint32_t seed) {
  check_rows(logits, "inception score");
  const int64_t n = logits.size(0);
  if (splits < 1 || n < splits)
    fail("inception score: {} rows in {} splits, expected a row or more in each", n, splits);
  const Tensor rows = logits.detach().to(torch::kCPU, torch::kDouble);
  // Computes with logarithms, so that a probability that underflows to 0 contributes 0, not 0 times infinity.
  const Tensor log_p = at::log_softmax(rows.index_select(0, NumpyRandom(seed).permutation(n)), 1);
  std::vector<double> values;
  for (int64_t i = 0; i < splits; ++i) {
    const Tensor part = log_p.slice(0, i * n / splits, (i + 1) * n / splits);
    const Tensor log_mean = at::logsumexp(part, 0) - std::log(static_cast<double>(part.size(0)));
    values.push_back(std::exp((part.exp() * (part - log_mean)).sum(1).mean().item<double>()));
  }
  const Tensor all = torch::tensor(values, torch::kDouble);
  return {all.mean().item<double>(), all.std(/*unbiased=*/false).item<double>()};
}

}  // namespace dgl
