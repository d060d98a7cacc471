#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/vae/networks.h"
#include "dgl/families/vae/vae.h"

namespace dgl {

/// A kind of autoencoder: what its networks look like at given settings, and how they are built. A new one is a line in
/// architecture.cpp.
class VaeArchitecture {
 public:
  virtual ~VaeArchitecture() = default;
  /// The value of network.architecture in recipes and of "architecture" in network settings.
  virtual std::string name() const = 0;
  /// settings() of its networks. Throws Error for settings that it cannot have.
  virtual nlohmann::json shape(const VaeSettings& settings, Rational width) const = 0;
  /// Sets what made a network of these settings(), as far as settings can say it.
  virtual void describe(const nlohmann::json& shape, VaeFamilySettings& settings) const = 0;
  /// Cost of the network in slot "encoder" or "decoder" of these settings().
  virtual Cost cost(const std::string& slot, const nlohmann::json& shape, const std::string& origin) const = 0;
  /// Builds the network in that slot. Throws Error as Family::make_network() does.
  virtual std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape,
                                                const std::string& origin, int64_t max_params) const = 0;
};

/// The names that network.architecture takes.
std::vector<std::string> vae_architecture_names();
/// The architecture called `name`. Throws Error, naming `origin`, if there is none.
const VaeArchitecture& vae_architecture(const std::string& name, const std::string& origin);
/// That of a network's settings(). Those of earlier versions do not name it and are "kl".
const VaeArchitecture& vae_architecture_of(const nlohmann::json& shape, const std::string& origin);

}  // namespace dgl
