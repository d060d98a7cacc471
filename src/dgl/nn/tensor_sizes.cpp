#include "dgl/nn/tensor_sizes.h"

#include <cstdint>

#include "dgl/base/error.h"

namespace dgl {

int64_t TensorSizes::operator()(const std::string& name, int64_t dimensions, int64_t which) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail("{}: has no tensor {}", origin_, name);
  if (found->second.dim() != dimensions || found->second.numel() == 0) {
    fail("{}: tensor {} has shape [{}], expected {} dimensions", origin_, name,
         fmt::join(found->second.sizes().begin(), found->second.sizes().end(), ", "), dimensions);
  }
  return found->second.size(which);
}

}  // namespace dgl
