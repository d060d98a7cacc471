#include "dgl/families/stylegan2/stylegan2.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/family_keys.h"
#include "dgl/families/stylegan2/checkpoint_import.h"
#include "dgl/families/stylegan2/objective.h"

namespace dgl {

StyleGan2Settings StyleGan2FamilySettings::architecture() const {
  StyleGan2Settings settings = network;
  settings.resolution = resolution;
  settings.img_channels = img_channels;
  settings.classes = labels();
  return settings;
}

std::vector<ConfigKey> StyleGan2Family::keys(FamilySettings& settings) const {
  auto& s = dynamic_cast<StyleGan2FamilySettings&>(settings);
  auto& n = s.network;
  std::vector<ConfigKey> keys = image_keys(s);
  keys.insert(
      keys.end(),
      {{"network", "conditional", &s.conditional, "Whether generator and discriminator take labels"},
       {"network", "channel_base", &n.channel_base,
        "Feature maps at r x r: min(channel_base / r, channel_max), times the width", 1, 1 << 24},
       {"network", "channel_max", &n.channel_max, "Most feature maps at any resolution, times the width", 1, 4096},
       {"network", "generator_base", &n.generator_base,
        "The generator's own channel_base, if it is smaller: fewer feature maps at fine resolutions; 0: channel_base",
        0, 1 << 24},
       {"network", "z_dim", &n.z_dim, "Length of a latent; no width narrows it", 1, 4096},
       {"network", "w_dim", &n.w_dim, "Length of a style; no width narrows it", 1, 4096},
       {"network", "mapping_layers", &n.mapping_layers, "Layers of the mapping network", 1, 64},
       {"network", "minibatch_std_group", &n.minibatch_std_group,
        "Images whose standard deviation the discriminator sees together", 1, 4096},
       {"network", "label_embed", &n.label_embed,
        "Length of a label's embedding in a mapping network; 0: that network's output length", 0, 4096},
       {"network", "label_layers", &n.label_layers, "Layers of the discriminator's mapping of labels", 1, 64},
       {"training", "r1_gamma", &s.r1_gamma, "Weight of R1 on real images, gamma/2 · E|grad D(x)|²; 0: none", 0, 1e6},
       {"training", "r1_interval", &s.r1_interval, "R1 is applied in every r1_interval-th step", 1, 1024},
       {"training", "pl_weight", &s.pl_weight, "Weight of path-length regularization; 0: none", 0, 1e6},
       {"training", "pl_decay", &s.pl_decay, "How far the mean path length moves towards a batch's", 0, 1},
       {"training", "pl_interval", &s.pl_interval, "Path lengths are regularized in every pl_interval-th step", 1,
        1024},
       {"training", "pl_correction", &s.pl_correction,
        "Whether the generator's Adam is corrected for pl_interval even if pl_weight is 0, as in "
        "stylegan2-ada-pytorch's "
        "settings for CIFAR"},
       {"training", "pl_batch_shrink", &s.pl_batch_shrink, "Path lengths use this fraction of a batch", 1, 1024},
       {"training", "style_mixing", &s.style_mixing, "Probability that a batch mixes the styles of two latents", 0,
        1}});
  return keys;
}

void StyleGan2Family::check(FamilySettings& settings, const std::string& origin) const {
  check_image(settings, origin);
}

std::vector<SlotSpec> StyleGan2Family::slots() const {
  return {{"generator", NetworkRole::generator, /*averaged=*/true}, {"discriminator", NetworkRole::discriminator}};
}

nlohmann::json StyleGan2Family::shape(const FamilySettings& settings, const Widths& widths,
                                      const std::string& slot) const {
  const StyleGan2Settings s = dynamic_cast<const StyleGan2FamilySettings&>(settings).architecture();
  return slot == "generator" ? StyleGan2GeneratorShape::make(s, widths.generator, widths.narrow_constant).to_json()
                             : StyleGan2DiscriminatorShape::make(s, widths.discriminator).to_json();
}

std::vector<std::unique_ptr<FamilySettings>> StyleGan2Family::tapered(const FamilySettings& settings) const {
  const auto& given = dynamic_cast<const StyleGan2FamilySettings&>(settings);
  // Half the feature maps at the finest resolution, and at the others at most so many as the halved base allows.
  const int64_t finest = std::min(given.network.base_of_generator() / given.resolution, given.network.channel_max);
  if (finest < 2) return {};
  auto tapered = std::make_unique<StyleGan2FamilySettings>(given);
  tapered->network.generator_base = finest * given.resolution / 2;
  std::vector<std::unique_ptr<FamilySettings>> all;
  all.push_back(std::move(tapered));
  return all;
}

void StyleGan2Family::describe(const NetworkSet& networks, FamilySettings& settings) const {
  StyleGan2Settings& n = dynamic_cast<StyleGan2FamilySettings&>(settings).network;
  if (const auto generator = networks.best<StyleGan2Generator>("generator")) {
    const StyleGan2GeneratorShape& shape = generator->shape();
    n.z_dim = shape.mapping.z_dim;
    n.w_dim = shape.mapping.w_dim();
    n.mapping_layers = static_cast<int64_t>(shape.mapping.widths.size());
    n.label_embed = shape.mapping.embed_dim == n.w_dim ? 0 : shape.mapping.embed_dim;
    n.generator_base = 0;
    n.channel_max = 0;
    for (const auto& [side, channels] : shape.channels) n.channel_max = std::max(n.channel_max, channels);
    n.channel_base = shape.resolution * shape.channels.at(shape.resolution);
    for (const auto& [side, channels] : shape.channels) {
      if (channels < n.channel_max) n.channel_base = std::max(n.channel_base, side * channels);
    }
  }
  if (const auto discriminator = networks.best<StyleGan2Discriminator>("discriminator")) {
    const StyleGan2DiscriminatorShape& shape = discriminator->shape();
    n.minibatch_std_group = shape.minibatch_std_group;
    if (shape.mapping.classes > 0) n.label_layers = static_cast<int64_t>(shape.mapping.widths.size());
  }
}

std::shared_ptr<Network> StyleGan2Family::make_network(const std::string& slot, const nlohmann::json& json,
                                                       const std::string& origin, int64_t max_params) const {
  if (slot == "generator") {
    const auto shape = StyleGan2GeneratorShape::from_json(json, origin);
    check_size(shape.cost(), max_params, origin);
    return std::make_shared<StyleGan2Generator>(shape);
  }
  const auto shape = StyleGan2DiscriminatorShape::from_json(json, origin);
  check_size(shape.cost(), max_params, origin);
  return std::make_shared<StyleGan2Discriminator>(shape);
}

Cost StyleGan2Family::cost(const std::string& slot, const nlohmann::json& json) const {
  return slot == "generator" ? StyleGan2GeneratorShape::from_json(json, "the recipe").cost()
                             : StyleGan2DiscriminatorShape::from_json(json, "the recipe").cost();
}

std::unique_ptr<Objective> StyleGan2Family::objective(const FamilySettings& settings,
                                                      const NetworkSet& networks) const {
  return std::make_unique<StyleGan2Objective>(dynamic_cast<const StyleGan2FamilySettings&>(settings),
                                              networks.network<StyleGan2Generator>("generator"),
                                              networks.network<StyleGan2Discriminator>("discriminator"));
}

std::shared_ptr<Sampler> StyleGan2Family::sampler(const NetworkSet& networks) const {
  return networks.best<StyleGan2Generator>("generator");
}

std::vector<std::shared_ptr<const CheckpointFormat>> StyleGan2Family::checkpoint_formats() const {
  return {stylegan2_pytorch_format(), stylegan2_ada_pytorch_format()};
}

}  // namespace dgl
