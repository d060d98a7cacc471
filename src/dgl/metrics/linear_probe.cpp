#include "dgl/metrics/linear_probe.h"

#include <algorithm>
#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

double linear_accuracy(const Tensor& train_codes, const Tensor& train_labels, const Tensor& test_codes,
                       const Tensor& test_labels) {
  constexpr double kPenalty = 0.01;
  const int64_t count = train_codes.size(0);
  if (count == 0 || test_codes.size(0) == 0 || train_labels.size(0) != count ||
      test_labels.size(0) != test_codes.size(0)) {
    fail("linear accuracy: {} training and {} test codes of {} and {} labels, expected one of each for each", count,
         test_codes.size(0), train_labels.size(0), test_labels.size(0));
  }
  const Tensor x = train_codes.to(torch::kDouble).flatten(1), test = test_codes.to(torch::kDouble).flatten(1);
  const Tensor mean = x.mean(0), scale = x.std(0, /*unbiased=*/false).clamp_min(1e-12);
  const Tensor centered = (x - mean) / scale;
  const int64_t classes = 1 + std::max(train_labels.max().item<int64_t>(), test_labels.max().item<int64_t>());
  const Tensor targets = at::one_hot(train_labels, classes).to(torch::kDouble);
  const Tensor penalty = at::eye(x.size(1), x.options()) * (kPenalty * static_cast<double>(count));
  const Tensor weights =
      at::linalg_solve(at::mm(centered.t(), centered) + penalty, at::mm(centered.t(), targets - targets.mean(0)));
  const Tensor outputs = at::mm((test - mean) / scale, weights) + targets.mean(0);
  return outputs.argmax(1).eq(test_labels).to(torch::kDouble).mean().item<double>();
}

}  // namespace dgl
