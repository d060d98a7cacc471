#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>

namespace dgl {

/// Tensors by name and the strings of the header's `__metadata__`.
struct TensorFile {
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata;

  /// The tensor `name`, or Error that names `origin` (the file) and the missing key.
  const torch::Tensor& at(const std::string& name, const std::string& origin) const;
  bool contains(const std::string& name) const { return tensors.count(name) != 0; }
  /// The tensors whose names start with `prefix`, under the rest of their names.
  std::map<std::string, torch::Tensor> with_prefix(const std::string& prefix) const;
};

/// Reads a safetensors file (https://github.com/huggingface/safetensors, the format as documented there): 8 bytes of
/// header length, a JSON header, the data. Everything is bounded by the file: header length (at most 100 MB), offsets
/// inside the data and without overlaps or holes, shapes of at most 64 dimensions whose product does not overflow and
/// matches the bytes, known types (F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL, the last of zeros and ones), no duplicate
/// names, none with control characters. Error names the file and the tensor.
/// The tensors own their memory (CPU, contiguous).
TensorFile load_safetensors(const std::filesystem::path& path);
/// The same of a file's bytes; `origin` names it in messages.
TensorFile parse_safetensors(const uint8_t* bytes, uint64_t size, const std::string& origin);

/// Writes `file` whole or not at all (AtomicFile). Tensors may lie on any device and in any layout; they are written
/// contiguous in C order, those of larger elements first and then in the map's order, data aligned to 8 bytes, so that
/// every tensor is aligned to its element. The same content gives the same bytes.
void save_safetensors(const std::filesystem::path& path, const TensorFile& file);

}  // namespace dgl
