#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/network.h"

namespace dgl {

/// What a network does in training.
enum class NetworkRole {
  generator,      ///< it makes images, or codes of them
  discriminator,  ///< it judges them
};

/// A named place for a network in a model. The name is the prefix of its tensors in files, of its optimizer's state and
/// of its figures in logs; the average's prefix is the name with "_ema" behind it.
struct NetworkSlot {
  std::string name;  ///< "generator", "discriminator", "encoder", …
  NetworkRole role = NetworkRole::generator;
  std::shared_ptr<Network> network{};  ///< null in a model file that holds the average alone
  std::shared_ptr<Network> average{};  ///< exponential moving average of the network's weights; null if none is kept
  bool shipped = true;                 ///< whether model files hold it, or only checkpoints
  bool pairs = false;                  ///< whether it is a discriminator that judges two images together

  /// The average if there is one, else the network.
  const std::shared_ptr<Network>& best() const { return average ? average : network; }
  std::string average_name() const { return name + "_ema"; }
};

/// The networks of a model, in the order that its family gives them, and where the model came from.
class NetworkSet {
 public:
  /// Free-form JSON about the model's origin: images seen, distance, data, recipe.
  nlohmann::json info = nlohmann::json::object();

  /// Adds a slot. Throws Error if the name is taken.
  NetworkSlot& add(NetworkSlot slot);
  /// The slot called `name`; null if there is none.
  NetworkSlot* find(std::string_view name);
  const NetworkSlot* find(std::string_view name) const;
  /// The same; throws Error, which names `origin` and the slots that there are.
  NetworkSlot& at(std::string_view name, const std::string& origin);
  const NetworkSlot& at(std::string_view name, const std::string& origin) const;

  /// The network in a slot as a T, or null if the slot is absent, empty or holds another kind.
  template <class T = Network>
  std::shared_ptr<T> network(std::string_view name) const {
    const NetworkSlot* slot = find(name);
    return slot ? std::dynamic_pointer_cast<T>(slot->network) : nullptr;
  }
  /// The same of the slot's average, or its network if it has none.
  template <class T = Network>
  std::shared_ptr<T> best(std::string_view name) const {
    const NetworkSlot* slot = find(name);
    return slot ? std::dynamic_pointer_cast<T>(slot->best()) : nullptr;
  }
  /// The first discriminator; null if there is none.
  std::shared_ptr<Discriminator> discriminator() const;

  auto begin() { return slots_.begin(); }
  auto end() { return slots_.end(); }
  auto begin() const { return slots_.begin(); }
  auto end() const { return slots_.end(); }
  bool empty() const { return slots_.empty(); }

  /// Calls `use(prefix, network)` for every network and average, in order: ("generator.", …), ("generator_ema.", …).
  template <class F>
  void for_each_network(const F& use) const {
    for (const NetworkSlot& slot : slots_) {
      if (slot.network) use(slot.name + ".", *slot.network);
      if (slot.average) use(slot.average_name() + ".", *slot.average);
    }
  }
  void to(torch::Device device) const;
  void set_activations(torch::ScalarType type) const;
  void set_reference(bool on) const;

 private:
  std::vector<NetworkSlot> slots_;
};

/// Adds a module's parameters and buffers to `file` as `prefix` + name; and reads them back, every one exactly once and
/// of the right shape. Throws Error that names the tensor.
void put_module(TensorFile& file, const std::string& prefix, const torch::nn::Module& module);
void get_module(const TensorFile& file, const std::string& prefix, torch::nn::Module& module,
                const std::string& origin);

}  // namespace dgl
