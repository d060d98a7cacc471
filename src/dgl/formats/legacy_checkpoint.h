#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dgl/formats/pickle.h"

namespace dgl {

/// The beginning of a file that torch.save wrote before torch 1.6. The numbers of the storages follow in the order of
/// `keys`, each as its number of elements (int64) and its bytes.
struct LegacyHead {
  Pickle object;
  std::vector<std::string> keys;
};

/// Returns whether the bytes begin as such a file does.
bool begins_as_legacy_checkpoint(const uint8_t* data, uint64_t size);

/// Reads five pickles with `read`: the magic number, the protocol, the system, the object and the keys of its storages.
/// Afterwards `reader` is at the first storage. Throws Error, naming `origin`.
LegacyHead read_legacy_head(ByteReader& reader, const std::string& origin,
                            const std::function<Pickle(ByteReader&)>& read);

}  // namespace dgl
