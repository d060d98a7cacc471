#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "dgl/families/family.h"

namespace dgl {

/// Reads and writes a model file: safetensors with tensors under the slots' names (`generator.`, `generator_ema.`,
/// `discriminator.`) and the networks' settings as JSON in the header's metadata under "dgl" (docs/formats.md). Any
/// network may be absent. Loaded networks are in evaluation mode. Throws Error for a file that is not a model.
NetworkSet load_model(const std::filesystem::path& path);
void save_model(const std::filesystem::path& path, const NetworkSet& model);

/// The tensors and metadata that save_model() writes, for files that hold more than a model (checkpoints); without
/// slots that are not shipped if `shipped_only`.
TensorFile pack_model(const NetworkSet& model, bool shipped_only = true);
NetworkSet unpack_model(const TensorFile& file, const std::string& origin);

/// The family of a model's first generator, or discriminator if it has none. Throws Error (naming `origin`) if the
/// model is empty.
const Family& family_of(const NetworkSet& model, const std::string& origin);
/// The model's sampler. Throws Error (naming `origin`) if it has none.
std::shared_ptr<Sampler> sampler_of(const NetworkSet& model, const std::string& origin);
/// The sampler of a model that draws from latents, where there is one, else sampler_of().
std::shared_ptr<Sampler> prior_sampler_of(const NetworkSet& model, const std::string& origin);
/// The model's first discriminator. Throws Error (naming `origin`) if it has none.
std::shared_ptr<Discriminator> discriminator_of(const NetworkSet& model, const std::string& origin);

}  // namespace dgl
