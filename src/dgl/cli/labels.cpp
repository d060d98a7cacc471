#include "dgl/cli/labels.h"

#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

torch::Tensor read_labels(const TensorFile& file, int64_t count, int64_t classes, const std::string& origin) {
  if (classes == 0 || !file.contains("labels")) return {};
  const torch::Tensor labels = file.at("labels", origin);
  if (labels.dim() != 1 || labels.size(0) != count ||
      !at::isIntegralType(labels.scalar_type(), /*includeBool=*/false)) {
    fail("{}: tensor labels: expected int64 [{}]", origin, count);
  }
  const torch::Tensor whole = labels.to(torch::kLong);
  if (whole.min().item<int64_t>() < 0 || whole.max().item<int64_t>() >= classes) {
    fail("{}: tensor labels: expected 0 to {}", origin, classes - 1);
  }
  return whole;
}

}  // namespace dgl
