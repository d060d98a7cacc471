#include "dgl/families/model_settings.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dgl/base/error.h"

namespace dgl {

namespace {

/// The slots of a model's generators.
std::vector<const NetworkSlot*> generators_of(const NetworkSet& model) {
  std::vector<const NetworkSlot*> found;
  for (const NetworkSlot& slot : model) {
    if (slot.role != NetworkRole::discriminator && slot.best()) found.push_back(&slot);
  }
  return found;
}

/// Sets all that networks say of what made them.
void read_networks(const Family& family, const NetworkSet& model, FamilySettings& settings) {
  const auto generators = generators_of(model);
  if (!generators.empty()) {
    const nlohmann::json shape = generators[0]->best()->settings();
    settings.resolution = shape.value("resolution", settings.resolution);
    settings.img_channels = shape.value("img_channels", settings.img_channels);
    settings.classes = shape.value("classes", int64_t{0});
    settings.conditional = settings.classes > 0;
  }
  family.describe(model, settings);
}

/// Whether settings make a model's generators.
bool make_model(const Family& family, FamilySettings& settings, const NetworkSet& model) {
  const auto generators = generators_of(model);
  try {
    family.check(settings, "the model");
    return std::all_of(generators.begin(), generators.end(), [&](const NetworkSlot* slot) {
      return family.shape(settings, {}, slot->name) == slot->best()->settings();
    });
  } catch (const Error&) {
    return false;
  }
}

/// Parameters and MACs of all generators that settings make; nothing if they make none.
std::vector<std::pair<int64_t, int64_t>> sizes_of(const Family& family, const FamilySettings& settings,
                                                  const NetworkSet& model) {
  std::vector<std::pair<int64_t, int64_t>> sizes;
  try {
    for (const NetworkSlot* slot : generators_of(model)) {
      const Cost cost = family.cost(slot->name, family.shape(settings, {}, slot->name));
      sizes.emplace_back(cost.params, cost.macs);
    }
  } catch (const Error&) {
    sizes.clear();
  }
  return sizes;
}

nlohmann::json value_of(const ConfigKey& key) {
  return std::visit([](const auto* held) { return nlohmann::json(*held); }, key.value);
}

}  // namespace

bool describe_model(const Family& family, const NetworkSet& model, FamilySettings& settings) {
  if (make_model(family, *settings.clone(), model)) return true;
  const auto described = settings.clone();
  read_networks(family, model, *described);
  if (!make_model(family, *described, model)) return false;
  read_networks(family, model, settings);
  return true;
}

std::unique_ptr<FamilySettings> settings_of_model(const Family& family, const NetworkSet& model,
                                                  const std::string& origin) {
  auto settings = family.default_settings();
  if (!describe_model(family, model, *settings)) {
    fail("{}: no recipe makes networks of this shape, whose layers follow no rule of widths; give a --recipe", origin);
  }
  return settings;
}

std::vector<std::string> contradictions(const Family& family, const FamilySettings& settings, const NetworkSet& model) {
  const auto own = settings.clone(), theirs = settings.clone();
  read_networks(family, model, *theirs);
  if (!make_model(family, *theirs->clone(), model)) return {};
  own->conditional = theirs->conditional;
  own->classes = theirs->classes;
  const auto size = sizes_of(family, *theirs, model);
  const auto own_keys = family.keys(*own), their_keys = family.keys(*theirs);
  std::vector<std::string> found;
  for (size_t i = 0; i < own_keys.size(); ++i) {
    if (own_keys[i].table != "network" || own_keys[i].toml() == their_keys[i].toml()) continue;
    // Of some keys, many values make the same networks.
    const nlohmann::json kept = value_of(their_keys[i]);
    const std::string text = their_keys[i].toml();
    their_keys[i].assign(value_of(own_keys[i]), "the recipe");
    const bool same = sizes_of(family, *theirs, model) == size;
    their_keys[i].assign(kept, "the model");
    if (same) continue;
    found.push_back(fmt::format("{} = {} where it has {}", own_keys[i].full_name(), own_keys[i].toml(), text));
  }
  return found;
}

}  // namespace dgl
