#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace dgl {

/// Tensors by name, and the strings of the header's `__metadata__`.
struct TensorFile {
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata;

  /// Returns the tensor `name`. Throws Error, naming `origin` (the file) and the missing key, if there is none.
  const torch::Tensor& at(const std::string& name, const std::string& origin) const;
  bool contains(const std::string& name) const { return tensors.count(name) != 0; }
  /// Returns the tensors whose names start with `prefix`. Their new names do not have the prefix.
  std::map<std::string, torch::Tensor> with_prefix(const std::string& prefix) const;
};

/// Reads a safetensors file (https://github.com/huggingface/safetensors, the format as documented there): 8 bytes of
/// header length, a JSON header, the data. The tensors own their memory (CPU, contiguous). Throws Error, naming the
/// file and the tensor, unless all of these hold:
/// - The header is inside the file and has at most 100 MB.
/// - Offsets are inside the data, without overlaps or holes.
/// - Shapes have at most 64 dimensions. Their product does not overflow and matches the number of bytes.
/// - Types are F64 F32 F16 BF16 I64 I32 I16 I8 U8 or BOOL. A BOOL has only zeros and ones.
/// - Names are unique and have no control characters.
TensorFile load_safetensors(const std::filesystem::path& path);
/// Does the same for a file's bytes. `origin` names the file in messages.
TensorFile parse_safetensors(const uint8_t* bytes, uint64_t size, const std::string& origin);

/// Writes `file` completely or not at all (AtomicFile). Tensors may be on any device and in any layout. They are
/// written contiguous in C order. Those with larger elements come first, then the map's order counts. Data is aligned
/// to 8 bytes, so that every tensor is aligned to its element size. The same content gives the same bytes.
void save_safetensors(const std::filesystem::path& path, const TensorFile& file);

}  // namespace dgl
