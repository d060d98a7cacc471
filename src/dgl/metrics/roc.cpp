#include "dgl/metrics/roc.h"

#include "dgl/base/torch.h"

namespace dgl {

double area_under_roc(const torch::Tensor& positives, const torch::Tensor& negatives) {
  const torch::Tensor sorted = std::get<0>(negatives.to(torch::kDouble).contiguous().sort());
  const torch::Tensor scores = positives.to(torch::kDouble).contiguous();
  const torch::Tensor lower = at::searchsorted(sorted, scores, /*out_int32=*/false, /*right=*/false);
  const torch::Tensor not_higher = at::searchsorted(sorted, scores, /*out_int32=*/false, /*right=*/true);
  return (lower + not_higher).to(torch::kDouble).mean().item<double>() / 2 / static_cast<double>(sorted.numel());
}

}  // namespace dgl
