#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "dgl/formats/bytes.h"
#include "dgl/formats/safetensors.h"

namespace dgl {

/// Whether the tensor of this dotted name is wanted.
using Wanted = std::function<bool(const std::string& name)>;

/// The tensors of a PyTorch checkpoint, a file that torch.save wrote: the zip archive of torch 1.6 and later, or the
/// format before it. Nested dicts become dotted names: {"g_ema": {"a.weight": t}} gives "g_ema.a.weight". What is
/// neither a dict nor a tensor is passed over. The file is mapped; tensors are read-only views of it where it holds
/// them aligned, and keep their strides.
///
/// Nothing in the file is run, and memory is bounded by its size: see read_pickle, read_zip_directory. Error of one
/// line, naming `path`, for anything else than a whole checkpoint of tensors.
TensorFile load_checkpoint(const std::filesystem::path& path, const Wanted& wanted = {});
/// The same of a file's bytes; `origin` names it in messages.
TensorFile parse_checkpoint(const Bytes& file, const std::string& origin, const Wanted& wanted = {});

/// Tensors of a checkpoint or a safetensors file, told apart by their first bytes.
TensorFile load_tensors(const std::filesystem::path& path, const Wanted& wanted = {});

}  // namespace dgl
