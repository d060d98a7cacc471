#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "dgl/formats/bytes.h"
#include "dgl/formats/safetensors.h"

namespace dgl {

/// Returns true if the tensor with this dotted name is to be loaded.
using Wanted = std::function<bool(const std::string& name)>;

/// Key of the metadata of a file that NVIDIA's programs wrote: JSON, for each network, by its key in the file, the
/// arguments by name that it was made with.
constexpr const char* kNetworkArguments = "network_arguments";
/// Key of the name of a network's class among its arguments there.
constexpr const char* kClassArgument = "class_name";

/// Loads the tensors of a PyTorch checkpoint, a file that torch.save wrote. Reads the zip archives of torch 1.6 and
/// later, the older format, and the .pkl of NVIDIA's programs. Nested dicts, and networks saved as objects, become
/// dotted names: see find_tensors(). Values that are neither are ignored. The file is mapped. Tensors are read-only
/// views of it if their data is aligned, and copies otherwise. They keep their strides.
///
/// Nothing in the file is executed, and memory is bounded by the file's size: see read_pickle(), read_zip_directory().
/// Throws Error with one line that names `path` if the file is not a complete checkpoint of tensors.
TensorFile load_checkpoint(const std::filesystem::path& path, const Wanted& wanted = {});
/// Does the same for a file's bytes. `origin` names the file in messages.
TensorFile parse_checkpoint(const Bytes& file, const std::string& origin, const Wanted& wanted = {});

/// Loads the tensors of a checkpoint or a safetensors file. The first bytes of the file determine the format.
TensorFile load_tensors(const std::filesystem::path& path, const Wanted& wanted = {});

}  // namespace dgl
