#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

/// The formats of all families.
std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats();
/// The format called `name`. Throws Error, which names `key` and the formats that there are.
std::shared_ptr<const CheckpointFormat> find_checkpoint_format(const std::string& name, const std::string& key);

/// Reads networks that another program trained, from one file or several (generator and discriminator apart), PyTorch
/// checkpoints or safetensors. Every width, depth and the resolution are read from the tensors' shapes. A file holds
/// state dicts under prefixes of its format, or one state dict, whose place in the model is then told by the file's
/// name as well (CheckpointFormat::role_in_file). Numbers become float32. Throws Error in one line for files of another
/// architecture: which tensors are missing and which are unknown, the first few of each; and for networks that do not
/// belong together or are named as in different programs. Tensors that no network took are counted in the model's info,
/// with what their names begin with ("imported.left_out"). So is what the files lack and was made up, a sentence each
/// ("imported.made_up"). A folder stands for the tensors that diffusers keeps in it, and config.json beside a file of
/// diffusers says what its tensors do not: the side of images, the groups of norms.
NetworkSet import_model(const std::vector<std::filesystem::path>& files, const ImportOptions& options = {});

/// The first few of a list: "a, b, c and 7 more"; "none" if it is empty.
std::string first_names(const std::vector<std::string>& names);

}  // namespace dgl
