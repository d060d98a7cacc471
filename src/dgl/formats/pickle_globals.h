#pragma once

#include <torch/types.h>

#include <optional>
#include <string>

namespace dgl {

/// What a global that a checkpoint may name stands for.
enum class PickleGlobal {
  ordered_dict,
  set,
  name_space,  ///< argparse.Namespace
  size,        ///< torch.Size
  constant,    ///< torch.device, a dtype: kept as a name, never used
  rebuild_tensor,
  rebuild_parameter,
  storage,
};

/// The meaning of `name` (module.attribute), or nothing for a global that a checkpoint has no need of.
std::optional<PickleGlobal> pickle_global(const std::string& name);

/// The type of a storage's elements; `name` must be one that pickle_global calls a storage.
torch::ScalarType pickle_storage_type(const std::string& name);

}  // namespace dgl
