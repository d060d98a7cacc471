#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/biggan/biggan.h"
#include "dgl/families/classifier/classifier.h"
#include "dgl/families/cyclegan/cyclegan.h"
#include "dgl/families/diffusion/diffusion.h"
#include "dgl/families/family.h"
#include "dgl/families/stylegan2/stylegan2.h"
#include "dgl/families/vae/vae.h"

namespace dgl {

namespace {

/// Families that come with the program. A new one is a line here.
std::vector<std::unique_ptr<Family>> builtin_families() {
  std::vector<std::unique_ptr<Family>> all;
  all.push_back(std::make_unique<StyleGan2Family>());
  all.push_back(std::make_unique<BigGanFamily>());
  all.push_back(std::make_unique<DiffusionFamily>());
  all.push_back(std::make_unique<VaeFamily>());
  all.push_back(std::make_unique<CycleGanFamily>());
  all.push_back(std::make_unique<ClassifierFamily>());
  return all;
}

std::vector<std::unique_ptr<Family>>& registry() {
  static std::vector<std::unique_ptr<Family>> all = builtin_families();
  return all;
}

[[noreturn]] void lacks(const Family& family, const char* what) {
  throw InternalError(fmt::format("family {} has no {}", family.name(), what));
}

}  // namespace

nlohmann::json Family::shape(const FamilySettings&, const Widths&, const std::string&) const { lacks(*this, "shape"); }

std::shared_ptr<Network> Family::make_network(const std::string&, const nlohmann::json&, const std::string&,
                                              int64_t) const {
  lacks(*this, "networks");
}

Cost Family::cost(const std::string&, const nlohmann::json&) const { lacks(*this, "networks"); }

std::unique_ptr<Objective> Family::objective(const FamilySettings&, const NetworkSet&) const {
  lacks(*this, "objective");
}

std::shared_ptr<Sampler> Family::sampler(const NetworkSet&) const { return nullptr; }

void Family::check_networks(const NetworkSet& networks, const std::string& origin) const {
  const auto generator = networks.best<Generator>("generator");
  const auto discriminator = networks.network<Discriminator>("discriminator");
  if (generator && discriminator) check_pair(*generator, *discriminator, origin);
}

void register_family(std::unique_ptr<Family> family) {
  for (const auto& other : registry()) {
    if (other->name() == family->name()) fail("family \"{}\" is registered already", family->name());
  }
  registry().push_back(std::move(family));
}

std::vector<const Family*> families() {
  std::vector<const Family*> all;
  for (const auto& family : registry()) all.push_back(family.get());
  return all;
}

std::string default_family() { return registry().front()->name(); }

const Family& find_family(const std::string& name, const std::string& origin) {
  std::vector<std::string> names;
  for (const auto& family : registry()) {
    if (family->name() == name) return *family;
    names.push_back(family->name());
  }
  fail("{}: family \"{}\" is not known; expected {}", origin, name, fmt::join(names, " or "));
}

const Family& family_of(const nlohmann::json& settings, const std::string& origin) {
  if (!settings.is_object() || !settings.contains("family") || !settings["family"].is_string()) {
    fail("{}: the network's settings have no \"family\"", origin);
  }
  return find_family(settings["family"].get<std::string>(), origin);
}

}  // namespace dgl
