#pragma once

#include <torch/types.h>

#include <optional>
#include <string>

namespace dgl {

/// Meaning of a global that a checkpoint may name.
enum class PickleGlobal {
  ordered_dict,
  default_dict,
  set,
  name_space,  ///< argparse.Namespace
  size,        ///< torch.Size
  constant,    ///< torch.device or a dtype: kept as a name, never used
  rebuild_tensor,
  rebuild_parameter,
  storage,
  load_storage,  ///< torch.storage._load_from_bytes
};

/// Returns the meaning of `name` (module.attribute), or nothing for a global that tensors do not need.
std::optional<PickleGlobal> pickle_global(const std::string& name);

/// Returns the element type of a storage. pickle_global(name) must be PickleGlobal::storage.
torch::ScalarType pickle_storage_type(const std::string& name);

}  // namespace dgl
