#include "dgl/nn/network_set.h"

#include <set>
#include <utility>

#include "dgl/base/torch.h"

namespace dgl {

namespace {

std::string shape_text(at::IntArrayRef sizes) {
  return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", "));
}

template <class F>
void for_each_tensor(const torch::nn::Module& module, F&& f) {
  for (const auto& item : module.named_parameters()) f(item.key(), item.value());
  for (const auto& item : module.named_buffers()) f(item.key(), item.value());
}

}  // namespace

NetworkSlot& NetworkSet::add(NetworkSlot slot) {
  if (find(slot.name)) fail("a model has two networks called {}", slot.name);
  return slots_.emplace_back(std::move(slot));
}

NetworkSlot* NetworkSet::find(std::string_view name) {
  for (NetworkSlot& slot : slots_) {
    if (slot.name == name) return &slot;
  }
  return nullptr;
}

const NetworkSlot* NetworkSet::find(std::string_view name) const { return const_cast<NetworkSet*>(this)->find(name); }

NetworkSlot& NetworkSet::at(std::string_view name, const std::string& origin) {
  if (NetworkSlot* slot = find(name)) return *slot;
  std::vector<std::string> names;
  for (const NetworkSlot& slot : slots_) names.push_back(slot.name);
  fail("{}: the model has no {}; it has {}", origin, name, fmt::join(names, ", "));
}

const NetworkSlot& NetworkSet::at(std::string_view name, const std::string& origin) const {
  return const_cast<NetworkSet*>(this)->at(name, origin);
}

std::shared_ptr<Discriminator> NetworkSet::discriminator() const {
  for (const NetworkSlot& slot : slots_) {
    if (const auto found = std::dynamic_pointer_cast<Discriminator>(slot.network)) return found;
  }
  return nullptr;
}

void NetworkSet::to(torch::Device device) const {
  for_each_network([&](const std::string&, Network& network) { network.to(device); });
}

void NetworkSet::set_activations(torch::ScalarType type) const {
  for_each_network([&](const std::string&, Network& network) { network.set_activations(type); });
}

void NetworkSet::set_reference(bool on) const {
  for_each_network([&](const std::string&, Network& network) { network.set_reference(on); });
}

void put_module(TensorFile& file, const std::string& prefix, const torch::nn::Module& module) {
  for_each_tensor(module, [&](const std::string& name, const torch::Tensor& tensor) {
    file.tensors[prefix + name] = tensor.detach();
  });
}

void get_module(const TensorFile& file, const std::string& prefix, torch::nn::Module& module,
                const std::string& origin) {
  torch::NoGradGuard no_grad;
  std::set<std::string> known;
  for_each_tensor(module, [&](const std::string& name, const torch::Tensor& tensor) {
    const torch::Tensor& stored = file.at(prefix + name, origin);
    if (stored.sizes() != tensor.sizes()) {
      fail_file("{}: tensor {} has shape {}, expected {}", origin, prefix + name, shape_text(stored.sizes()),
                shape_text(tensor.sizes()));
    }
    if (!stored.is_floating_point()) fail_file("{}: tensor {} holds no floating-point numbers", origin, prefix + name);
    torch::Tensor target = tensor;
    target.copy_(stored);
    known.insert(prefix + name);
  });
  for (const auto& [name, tensor] : file.with_prefix(prefix)) {
    if (!known.count(prefix + name)) fail_file("{}: tensor {} is not known to the network", origin, prefix + name);
  }
}

}  // namespace dgl
