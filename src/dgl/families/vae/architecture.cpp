#include "dgl/families/vae/architecture.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/vae/kl_networks.h"
#include "dgl/families/vae/tiny_networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

namespace {

/// An architecture of a shape that knows its settings and costs, and of networks that are built from it.
template <class Shape, class Encoder, class Decoder>
class ArchitectureOf : public VaeArchitecture {
 public:
  std::string name() const override { return Shape::kArchitecture; }
  nlohmann::json shape(const VaeSettings& settings, Rational width) const override {
    return Shape::make(settings, width).to_json();
  }
  void describe(const nlohmann::json& json, VaeFamilySettings& settings) const override {
    Shape::from_json(json, "the model").describe(settings);
    settings.architecture = name();
  }
  Cost cost(const std::string& slot, const nlohmann::json& json, const std::string& origin) const override {
    const auto shape = Shape::from_json(json, origin);
    return slot == "encoder" ? shape.encoder_cost() : shape.decoder_cost();
  }
  std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& json, const std::string& origin,
                                        int64_t max_params) const override {
    check_size(cost(slot, json, origin), max_params, origin);
    const auto shape = Shape::from_json(json, origin);
    if (slot == "encoder") return std::make_shared<Encoder>(shape);
    return std::make_shared<Decoder>(shape);
  }
};

/// All architectures. A new one is a line here.
std::array<const VaeArchitecture*, 2> vae_architectures() {
  static const ArchitectureOf<KlShape, KlEncoder, KlDecoder> kl;
  static const ArchitectureOf<TinyShape, TinyEncoder, TinyDecoder> tiny;
  return {&kl, &tiny};
}

}  // namespace

std::vector<std::string> vae_architecture_names() {
  std::vector<std::string> names;
  for (const auto* architecture : vae_architectures()) names.push_back(architecture->name());
  return names;
}

const VaeArchitecture& vae_architecture(const std::string& name, const std::string& origin) {
  for (const auto* architecture : vae_architectures()) {
    if (architecture->name() == name) return *architecture;
  }
  fail("{}: network setting architecture = \"{}\": expected {}", origin, name,
       fmt::join(vae_architecture_names(), " or "));
}

const VaeArchitecture& vae_architecture_of(const nlohmann::json& shape, const std::string& origin) {
  const auto name = network_settings(shape, origin).text("architecture");
  return vae_architecture(name.value_or(KlShape::kArchitecture), origin);
}

}  // namespace dgl
