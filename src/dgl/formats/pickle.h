#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dgl/formats/bytes.h"

namespace dgl {

/// A value of a pickle. Others that it holds are numbers of places in Pickle::values, so that no depth of nesting and
/// no cycle of a file reaches the program's own stack.
struct PickleValue {
  enum class Kind : uint8_t { none, boolean, integer, real, text, sequence, dict, name, object, storage, tensor };

  Kind kind = Kind::none;
  int64_t integer = 0;  ///< of a boolean or integer; which of Pickle::storages or tensors
  double real = 0;
  std::string text = {};  ///< of a text; the global's name of a name or an object
  std::vector<uint32_t> items =
      {};  ///< of a sequence (list, tuple, set); key, value, key, value … of a dict or an object
};

/// What a pickle says of a storage: `torch.save` puts its numbers elsewhere in the file.
struct PickleStorage {
  std::string key;
  torch::ScalarType type;
  int64_t numel;
};

/// A view of a storage; checked to lie within it, and to have no more elements than it.
struct PickleTensor {
  size_t storage;
  int64_t offset;
  std::vector<int64_t> sizes, strides;
};

/// What a pickle holds; `root` is its value.
struct Pickle {
  std::vector<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  uint32_t root = 0;

  const PickleValue& at(uint32_t place) const { return values[place]; }
};

/// Reads one pickle (protocols 2 to 4) from `reader` and leaves it behind its end. Nothing is imported and nothing is
/// run: the only globals that it may name are those below, which become plain values, and every other one is refused by
/// name. At most 2^22 operations, each of which makes at most one value.
///
///     collections.OrderedDict, builtins.set and frozenset, argparse.Namespace, torch.Size, torch.device, the dtypes
///     torch._utils._rebuild_tensor, _rebuild_tensor_v2, _rebuild_parameter
///     torch.FloatStorage and its kin for float16, bfloat16, float64, the integers and bool,
///     torch.storage.UntypedStorage
Pickle read_pickle(ByteReader& reader, const std::string& origin);

}  // namespace dgl
