#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dgl/formats/bytes.h"

namespace dgl {

/// A value of a pickle. It refers to other values by their index in Pickle::values. Deep nesting and cycles in a file
/// therefore cannot reach the program's own stack.
struct PickleValue {
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    sequence,
    dict,
    name,
    object,
    storage,
    tensor,
    inert
  };

  Kind kind = Kind::none;
  /// Value of a boolean or integer; index into Pickle::storages or tensors; of an inert value, that of the name of what
  /// would have made it.
  int64_t integer = 0;
  double real = 0;
  std::string text = {};  ///< value of a text; the global of a name or an object
  /// Items of a sequence (list, tuple, set); key, value, key, value … of a dict or an object; of an inert value what
  /// was given to its maker, the arguments, and then what it was to be set to.
  std::vector<uint32_t> items = {};
};

/// A storage that a pickle refers to. `torch.save` writes its numbers elsewhere in the file.
struct PickleStorage {
  std::string key;
  torch::ScalarType type;
  int64_t numel;
  /// A part of a text of the pickle.
  struct Inside {
    uint32_t holder;  ///< the text
    uint64_t at, size;
  };
  std::optional<Inside> inside = {};  ///< where its numbers lie if the pickle holds them
};

/// A view of a storage. It is checked to be inside the storage and to have no more elements than it.
struct PickleTensor {
  size_t storage;
  int64_t offset;
  std::vector<int64_t> sizes, strides;
};

/// The contents of a pickle. `root` is the index of its value.
struct Pickle {
  std::vector<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  uint32_t root = 0;

  const PickleValue& at(uint32_t place) const { return values[place]; }
  /// The numbers of a storage that lie inside. They have no owner but the pickle.
  Bytes inside(const PickleStorage& storage) const {
    const std::string& text = at(storage.inside->holder).text;
    return {reinterpret_cast<const uint8_t*>(text.data()) + storage.inside->at, storage.inside->size, nullptr};
  }
};

/// Reads one pickle (protocols 2 to 5). Afterwards `reader` is at the end of the pickle. Nothing is imported or
/// executed. The globals below become plain values. What any other would make is inert: a value that holds nothing but
/// the global's name and what was given to it, whatever is called on it. So are whole numbers of more than 8
/// bytes. Reads at most 2^22 operations, each of which makes at most one value.
///
///     collections.OrderedDict and defaultdict, dnnlib.util.EasyDict, builtins.set and frozenset, argparse.Namespace,
///     torch.Size, torch.device, the dtypes torch._utils._rebuild_tensor, _rebuild_tensor_v2, _rebuild_parameter
///     torch.storage._load_from_bytes, which is read as data too, but not within another
///     torch.FloatStorage and its equivalents for float16, bfloat16, float64, the integers and bool,
///     torch.UntypedStorage, torch.storage.UntypedStorage
Pickle read_pickle(ByteReader& reader, const std::string& origin);

}  // namespace dgl
