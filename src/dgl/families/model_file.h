#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/families/family.h"

namespace dgl {

/// Reads and writes a model file: safetensors with tensors under the slots' names (`generator.`, `generator_ema.`,
/// `discriminator.`) and the networks' settings as JSON in the header's metadata under "dgl" (docs/formats.md). Any
/// network may be absent. Loaded networks are in evaluation mode. The folder of a finished run stands for its model.
/// Throws Error for a file that is not a model; for a checkpoint of PyTorch it says how to import it.
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
/// A model's discriminator, and the data domain whose images it judges.
struct DomainDiscriminator {
  std::string slot;
  std::shared_ptr<Discriminator> network;
  size_t domain = 0;
};
/// All discriminators of single images in a model, in the order of their slots.
std::vector<DomainDiscriminator> discriminators_of(const NetworkSet& model, const std::string& origin);
/// Those that judge an image and what stands for it together (SlotSpec::pairs).
std::vector<DomainDiscriminator> pair_discriminators_of(const NetworkSet& model, const std::string& origin);
/// The discriminator of the images that the model's sampler makes; null if it has none.
std::shared_ptr<Discriminator> find_discriminator(const NetworkSet& model, const std::string& origin);
/// The same. Throws Error (naming `origin`) if it has none.
std::shared_ptr<Discriminator> discriminator_of(const NetworkSet& model, const std::string& origin);
/// A model's samplers of one direction and of the one that leads back.
struct Translator {
  Direction direction;
  std::shared_ptr<Sampler> there;
  std::shared_ptr<Sampler> back;  ///< null if the model has none
};
/// Those of all directions that a model has the networks of, in the order of Family::directions(); none for a model
/// that translates no images.
std::vector<Translator> translators_of(const NetworkSet& model, const std::string& origin);
/// That of one direction, the first for "". Throws Error (naming `origin`) for a model that does not translate, an
/// unknown direction, or one whose network is missing.
Translator translator_of(const NetworkSet& model, const std::string& direction, const std::string& origin);
/// The slot called `name`, or "generator_" and `name`. Throws Error as NetworkSet::at() does.
const NetworkSlot& slot_of(const NetworkSet& model, const std::string& name, const std::string& origin);

}  // namespace dgl
