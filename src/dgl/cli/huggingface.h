#pragma once

#include <filesystem>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/nn/network_set.h"

namespace dgl {

/// Writes a folder as the Hugging Face Hub keeps models:
///
/// - model.safetensors, the model file as it is;
/// - config.json, the family and the settings of all networks, as the model file's metadata has them;
/// - README.md, a model card: parameters, multiply-adds and latency of the networks, measured on `device`, and the
///   figures of summary.json if `source` is a run's folder or the model in one. Its front matter names no license.
///
/// The Python package loads the folder. Throws Error for a file that is there already unless `overwrite` is set, or for
/// a summary.json that is not one.
void write_huggingface_folder(const std::filesystem::path& out, const NetworkSet& model, const std::string& source,
                              torch::Device device, bool overwrite);

}  // namespace dgl
