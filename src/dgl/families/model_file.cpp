#include "dgl/families/model_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/json.h"

namespace dgl {

namespace {

constexpr const char* kKey = "dgl";

/// The model of a run's folder; any other path as it is. Throws Error for a folder without one, and for a checkpoint
/// of torch.save, which wants to be imported.
std::filesystem::path model_at(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    if (std::filesystem::exists(path / "model.safetensors")) return path / "model.safetensors";
    fail_file("{}: a folder without a model.safetensors; expected a model file, or the folder of a finished run",
              path.string());
  }
  std::ifstream file(path, std::ios::binary);
  char start[9] = {};  // of a safetensors file: the length of its header, which may be anything, and a brace
  file.read(start, sizeof start);
  const bool archive = start[0] == 'P' && start[1] == 'K', pickle = start[0] == '\x80';
  if (file && start[8] != '{' && (archive || pickle)) {
    fail_file("{}: not a model file; if it is a checkpoint of PyTorch, `dgl import` makes one of it", path.string());
  }
  return path;
}

/// How many numbers a file holds under a prefix.
int64_t numbers_under(const TensorFile& file, const std::string& prefix) {
  int64_t numbers = 0;
  for (const auto& [name, tensor] : file.with_prefix(prefix)) numbers += tensor.numel();
  return numbers;
}

std::shared_ptr<Network> read_network(const TensorFile& file, const Family& family, const std::string& slot,
                                      const std::string& prefix, const nlohmann::json& shape,
                                      const std::string& origin) {
  const int64_t numbers = numbers_under(file, prefix);
  if (numbers == 0) return nullptr;
  auto network = family.make_network(slot, shape, origin, numbers);
  get_module(file, prefix, *network, origin);
  network->eval();
  return network;
}

/// The slots of all families, each name once, in the order in which families give them.
std::vector<SlotSpec> known_slots() {
  std::vector<SlotSpec> all;
  for (const Family* family : families()) {
    for (const SlotSpec& slot : family->slots()) {
      if (std::none_of(all.begin(), all.end(), [&](const SlotSpec& other) { return other.name == slot.name; })) {
        all.push_back(slot);
      }
    }
  }
  return all;
}

}  // namespace

TensorFile pack_model(const NetworkSet& model, bool shipped_only) {
  TensorFile file;
  nlohmann::json settings = {{"format", 1}, {"info", model.info}};
  for (const NetworkSlot& slot : model) {
    if (shipped_only && !slot.shipped) continue;
    if (slot.network) put_module(file, slot.name + ".", *slot.network);
    if (slot.average) put_module(file, slot.average_name() + ".", *slot.average);
    if (slot.best()) settings[slot.name] = slot.best()->settings();
  }
  file.metadata[kKey] = json_text(settings);
  return file;
}

NetworkSet unpack_model(const TensorFile& file, const std::string& origin) {
  const auto found = file.metadata.find(kKey);
  if (found == file.metadata.end()) fail_file("{}: not a dgl model: the header's metadata has no \"{}\"", origin, kKey);
  const auto settings = parse_json(found->second);
  if (!settings.is_object()) fail_file("{}: the metadata \"{}\" is not a JSON object", origin, kKey);
  NetworkSet model;
  std::vector<std::string> prefixes;
  for (const SlotSpec& spec : known_slots()) {
    NetworkSlot slot{.name = spec.name, .role = spec.role, .pairs = spec.pairs};
    const std::string prefix = slot.name + ".", average_prefix = slot.average_name() + ".";
    prefixes.push_back(prefix);
    if (numbers_under(file, prefix) == 0 && numbers_under(file, average_prefix) == 0) continue;
    if (!settings.contains(slot.name)) fail_file("{}: the metadata has no settings of the {}", origin, slot.name);
    const nlohmann::json& shape = settings[slot.name];
    const Family& family = family_of(shape, origin);
    slot.network = read_network(file, family, slot.name, prefix, shape, origin);
    slot.average = read_network(file, family, slot.name, average_prefix, shape, origin);
    model.add(std::move(slot));
  }
  if (model.empty()) fail_file("{}: not a dgl model: no tensors under {}", origin, fmt::join(prefixes, ", "));
  if (settings.contains("info")) model.info = settings["info"];
  return model;
}

NetworkSet load_model(const std::filesystem::path& path) {
  const std::filesystem::path file = model_at(path);
  return unpack_model(load_safetensors(file), file.string());
}

void save_model(const std::filesystem::path& path, const NetworkSet& model) {
  save_safetensors(path, pack_model(model));
}

const Family& family_of(const NetworkSet& model, const std::string& origin) {
  // A discriminator may be of another family than the generators that it judges.
  for (const NetworkRole role : {NetworkRole::generator, NetworkRole::discriminator}) {
    for (const NetworkSlot& slot : model) {
      if (slot.best() && slot.role == role) return family_of(slot.best()->settings(), origin);
    }
  }
  fail_file("{}: the model has no networks", origin);
}

std::shared_ptr<Sampler> sampler_of(const NetworkSet& model, const std::string& origin) {
  if (auto sampler = family_of(model, origin).sampler(model)) return sampler;
  fail_file("{}: the model has no generator", origin);
}

std::shared_ptr<Sampler> prior_sampler_of(const NetworkSet& model, const std::string& origin) {
  if (auto sampler = family_of(model, origin).prior_sampler(model)) return sampler;
  return sampler_of(model, origin);
}

namespace {

std::vector<DomainDiscriminator> discriminators(const NetworkSet& model, bool pairs, const std::string& origin) {
  std::vector<DomainDiscriminator> found;
  for (const NetworkSlot& slot : model) {
    const auto network = std::dynamic_pointer_cast<Discriminator>(slot.best());
    if (!network || slot.pairs != pairs) continue;
    size_t domain = 0;
    for (const SlotSpec& spec : family_of(network->settings(), origin).slots()) {
      if (spec.name == slot.name) domain = spec.domain;
    }
    found.push_back({slot.name, network, domain});
  }
  return found;
}

}  // namespace

std::vector<DomainDiscriminator> discriminators_of(const NetworkSet& model, const std::string& origin) {
  return discriminators(model, /*pairs=*/false, origin);
}

std::vector<DomainDiscriminator> pair_discriminators_of(const NetworkSet& model, const std::string& origin) {
  return discriminators(model, /*pairs=*/true, origin);
}

std::shared_ptr<Discriminator> find_discriminator(const NetworkSet& model, const std::string& origin) {
  for (const auto& [slot, network, domain] : discriminators_of(model, origin)) {
    if (domain == family_of(network->settings(), origin).output_domain()) return network;
  }
  return nullptr;
}

std::shared_ptr<Discriminator> discriminator_of(const NetworkSet& model, const std::string& origin) {
  if (auto found = find_discriminator(model, origin)) return found;
  const auto others = discriminators_of(model, origin);
  if (others.empty()) fail_file("{}: the model has no discriminator", origin);
  fail_file("{}: the model has no discriminator of the images that it makes, only a {}", origin, others[0].slot);
}

std::vector<Translator> translators_of(const NetworkSet& model, const std::string& origin) {
  const Family& family = family_of(model, origin);
  const auto directions = family.directions();
  std::vector<Translator> all;
  for (const Direction& direction : directions) {
    Translator translator{direction, family.translator(model, direction.name), nullptr};
    if (!translator.there) continue;
    for (const Direction& other : directions) {
      if (other.from == direction.to && other.to == direction.from) {
        translator.back = family.translator(model, other.name);
      }
    }
    all.push_back(std::move(translator));
  }
  return all;
}

Translator translator_of(const NetworkSet& model, const std::string& direction, const std::string& origin) {
  const Family& family = family_of(model, origin);
  const auto directions = family.directions();
  if (directions.empty()) fail("{}: a {} translates no images; expected a cyclegan", origin, family.name());
  std::vector<std::string> names;
  for (const Direction& one : directions) names.push_back(one.name);
  const std::string wanted = direction.empty() ? names[0] : direction;
  if (std::find(names.begin(), names.end(), wanted) == names.end()) {
    fail("--direction {}: expected {}", wanted, fmt::join(names, " or "));
  }
  for (Translator& one : translators_of(model, origin)) {
    if (one.direction.name == wanted) return std::move(one);
  }
  fail_file("{}: the model has no generator of the direction {}", origin, wanted);
}

const NetworkSlot& slot_of(const NetworkSet& model, const std::string& name, const std::string& origin) {
  if (const NetworkSlot* generator = model.find("generator_" + name)) return *generator;
  return model.at(name, origin);
}

}  // namespace dgl
