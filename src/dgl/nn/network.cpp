#include "dgl/nn/network.h"

#include "dgl/base/error.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/families/stylegan2/networks.h"

namespace dgl {

namespace {

std::string family_of(const nlohmann::json& settings, const std::string& origin) {
  if (!settings.is_object() || !settings.contains("family") || !settings["family"].is_string()) {
    fail("{}: the network's settings have no \"family\"", origin);
  }
  return settings["family"].get<std::string>();
}

}  // namespace

void check_size(const Cost& cost, int64_t max_params, const std::string& origin) {
  if (cost.params > max_params) {
    fail("{}: it describes a network of {} parameters, but holds {}", origin, cost.params, max_params);
  }
}

torch::ScalarType parse_precision(const std::string& text, const std::string& key) {
  if (text == "fp32") return torch::kFloat;
  if (text == "bf16") return torch::kBFloat16;
  fail("{} = \"{}\": expected fp32 or bf16", key, text);
}

std::shared_ptr<Generator> make_generator(const nlohmann::json& settings, const std::string& origin,
                                          int64_t max_params) {
  const std::string family = family_of(settings, origin);
  if (family == "stylegan2") {
    const auto shape = StyleGan2GeneratorShape::from_json(settings, origin);
    check_size(shape.cost(), max_params, origin);
    return std::make_shared<StyleGan2Generator>(shape);
  }
  if (family == "biggan") {
    const auto shape = BigGanGeneratorShape::from_json(settings, origin);
    check_size(shape.cost(), max_params, origin);
    return std::make_shared<BigGanGenerator>(shape);
  }
  fail("{}: family \"{}\" is not known; expected stylegan2 or biggan", origin, family);
}

std::shared_ptr<Discriminator> make_discriminator(const nlohmann::json& settings, const std::string& origin,
                                                  int64_t max_params) {
  const std::string family = family_of(settings, origin);
  if (family == "stylegan2") {
    const auto shape = StyleGan2DiscriminatorShape::from_json(settings, origin);
    check_size(shape.cost(), max_params, origin);
    return std::make_shared<StyleGan2Discriminator>(shape);
  }
  if (family == "biggan") {
    const auto shape = BigGanDiscriminatorShape::from_json(settings, origin);
    check_size(shape.cost(), max_params, origin);
    return std::make_shared<BigGanDiscriminator>(shape);
  }
  fail("{}: family \"{}\" is not known; expected stylegan2 or biggan", origin, family);
}

void check_pair(const Generator& g, const Discriminator& d, const std::string& origin) {
  if (g.resolution() == d.resolution() && g.channels() == d.channels() && g.classes() == d.classes()) return;
  fail(
      "{}: generator and discriminator do not belong together: {} x {} x {} images of {} labels against {} x {} x {} "
      "of {}",
      origin, g.channels(), g.resolution(), g.resolution(), g.classes(), d.channels(), d.resolution(), d.resolution(),
      d.classes());
}

void copy_weights(const torch::nn::Module& source, torch::nn::Module& target) {
  torch::NoGradGuard no_grad;
  const auto copy = [](const auto& from, auto&& to) {
    for (auto& item : to) item.value().copy_(from[item.key()]);
  };
  copy(source.named_parameters(), target.named_parameters());
  copy(source.named_buffers(), target.named_buffers());
}

void set_requires_grad(torch::nn::Module& module, bool on) {
  for (auto& parameter : module.parameters()) parameter.set_requires_grad(on);
}

}  // namespace dgl
