#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/formats/pickle.h"

/// A whole checkpoint of either format; and the same bytes as a bare pickle, which in an archive only a right checksum
/// would let through. Nothing but dgl::Error may come of them, and every number of a tensor must be readable.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    for (const auto& [name, tensor] : dgl::parse_checkpoint({data, size, nullptr}, "input").tensors) tensor.clone();
  } catch (const dgl::Error&) {
  }
  try {
    dgl::ByteReader reader(data, size, "input");
    dgl::read_pickle(reader, "input");
  } catch (const dgl::Error&) {
  }
  return 0;
}
