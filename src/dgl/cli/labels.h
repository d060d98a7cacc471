#pragma once

#include <cstdint>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"

namespace dgl {

/// The tensor labels [count] of a file for a network of `classes` labels; undefined if the file or the network has
/// none. Throws Error (naming `origin`) for another shape or type, or a label out of range.
torch::Tensor read_labels(const TensorFile& file, int64_t count, int64_t classes, const std::string& origin);

}  // namespace dgl
