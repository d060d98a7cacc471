#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/formats/safetensors.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A trained model as one file holds it: a generator, its exponential moving average, a discriminator; any may be
/// absent. `info` is free-form JSON about where it came from (images seen, distance, data).
struct Model {
  std::shared_ptr<Generator> generator, generator_ema;
  std::shared_ptr<Discriminator> discriminator;
  nlohmann::json info = nlohmann::json::object();

  /// The generator to sample from: the average where there is one. Error (naming `origin`) if there is none.
  Generator& sampler(const std::string& origin) const;
  /// Error if there is no discriminator.
  Discriminator& critic(const std::string& origin) const;
};

/// Adds a module's parameters and buffers to `file` as `prefix` + name; and reads them back, every one exactly once and
/// of the right shape. Error names the tensor.
void put_module(TensorFile& file, const std::string& prefix, const torch::nn::Module& module);
void get_module(const TensorFile& file, const std::string& prefix, torch::nn::Module& module,
                const std::string& origin);

/// Reads and writes a model file: safetensors with tensors under `generator.`, `generator_ema.`, `discriminator.` and
/// the networks' settings as JSON in the header's metadata under "dgl". Loaded networks are in evaluation mode.
/// Error for a file that is not one.
Model load_model(const std::filesystem::path& path);
void save_model(const std::filesystem::path& path, const Model& model);

/// The tensors and metadata that save_model writes, for files that hold more than a model (checkpoints).
TensorFile pack_model(const Model& model);
Model unpack_model(const TensorFile& file, const std::string& origin);

}  // namespace dgl
