#include "dgl/nn/model.h"

#include <set>

#include "dgl/base/error.h"
#include "dgl/base/json.h"

namespace dgl {

namespace {

constexpr const char* kKey = "dgl";

std::string shape_text(at::IntArrayRef sizes) {
  return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", "));
}

template <class F>
void for_each_tensor(const torch::nn::Module& module, F&& f) {
  for (const auto& item : module.named_parameters()) f(item.key(), item.value());
  for (const auto& item : module.named_buffers()) f(item.key(), item.value());
}

}  // namespace

Generator& Model::sampler(const std::string& origin) const {
  if (generator_ema) return *generator_ema;
  if (generator) return *generator;
  fail("{}: the model has no generator", origin);
}

Discriminator& Model::critic(const std::string& origin) const {
  if (!discriminator) fail("{}: the model has no discriminator", origin);
  return *discriminator;
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
      fail("{}: tensor {} has shape {}, expected {}", origin, prefix + name, shape_text(stored.sizes()),
           shape_text(tensor.sizes()));
    }
    if (!stored.is_floating_point()) fail("{}: tensor {} holds no floating-point numbers", origin, prefix + name);
    torch::Tensor target = tensor;
    target.copy_(stored);
    known.insert(prefix + name);
  });
  for (auto at = file.tensors.lower_bound(prefix); at != file.tensors.end() && at->first.rfind(prefix, 0) == 0; ++at) {
    if (!known.count(at->first)) fail("{}: tensor {} is not known to the network", origin, at->first);
  }
}

TensorFile pack_model(const Model& model) {
  TensorFile file;
  nlohmann::json settings = {{"format", 1}, {"info", model.info}};
  if (model.generator) {
    put_module(file, "generator.", *model.generator);
    settings["generator"] = model.generator->settings();
  }
  if (model.generator_ema) {
    put_module(file, "generator_ema.", *model.generator_ema);
    settings["generator"] = model.generator_ema->settings();
  }
  if (model.discriminator) {
    put_module(file, "discriminator.", *model.discriminator);
    settings["discriminator"] = model.discriminator->settings();
  }
  file.metadata[kKey] = settings.dump();
  return file;
}

Model unpack_model(const TensorFile& file, const std::string& origin) {
  const auto found = file.metadata.find(kKey);
  if (found == file.metadata.end()) fail("{}: not a dgl model: the header's metadata has no \"{}\"", origin, kKey);
  const auto settings = parse_json(found->second);
  if (!settings.is_object()) fail("{}: the metadata \"{}\" is not a JSON object", origin, kKey);

  // How many numbers stand under a prefix.
  const auto held = [&](const std::string& prefix) {
    int64_t numbers = 0;
    for (auto at = file.tensors.lower_bound(prefix); at != file.tensors.end() && at->first.rfind(prefix, 0) == 0;
         ++at) {
      numbers += at->second.numel();
    }
    return numbers;
  };
  const auto settings_of = [&](const char* network) {
    if (!settings.contains(network)) fail("{}: the metadata has no settings of the {}", origin, network);
    return settings[network];
  };
  const auto read_generator = [&](const std::string& prefix) -> std::shared_ptr<Generator> {
    const int64_t numbers = held(prefix);
    if (numbers == 0) return nullptr;
    auto network = make_generator(settings_of("generator"), origin, numbers);
    get_module(file, prefix, *network, origin);
    network->eval();
    return network;
  };
  Model model;
  model.generator = read_generator("generator.");
  model.generator_ema = read_generator("generator_ema.");
  if (const int64_t numbers = held("discriminator."); numbers > 0) {
    model.discriminator = make_discriminator(settings_of("discriminator"), origin, numbers);
    get_module(file, "discriminator.", *model.discriminator, origin);
    model.discriminator->eval();
  }
  if (!model.generator && !model.generator_ema && !model.discriminator) {
    fail("{}: not a dgl model: no tensors under generator., generator_ema. or discriminator.", origin);
  }
  if (settings.contains("info")) model.info = settings["info"];
  return model;
}

Model load_model(const std::filesystem::path& path) { return unpack_model(load_safetensors(path), path.string()); }

void save_model(const std::filesystem::path& path, const Model& model) { save_safetensors(path, pack_model(model)); }

}  // namespace dgl
