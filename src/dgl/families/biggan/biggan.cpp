#include "dgl/families/biggan/biggan.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/biggan/checkpoint_import.h"
#include "dgl/families/biggan/objective.h"
#include "dgl/families/family_keys.h"

namespace dgl {

BigGanSettings BigGanFamilySettings::architecture() const {
  return {resolution, img_channels, z_dim, labels(), channels, attention, hierarchical, shared_dim};
}

std::vector<ConfigKey> BigGanFamily::keys(FamilySettings& settings) const {
  auto& s = dynamic_cast<BigGanFamilySettings&>(settings);
  std::vector<ConfigKey> keys = image_keys(s);
  keys.insert(
      keys.end(),
      {{"network", "conditional", &s.conditional, "A BigGAN always takes labels"},
       {"network", "z_dim", &s.z_dim, "Length of a latent; no width narrows it", 1, 4096},
       {"network", "channels", &s.channels,
        "Feature maps at the largest resolution (twice as many at 64 px), and 16 times as many at 4 x 4; at 32 px, 4 "
        "times "
        "as many at every resolution",
        1, 1024},
       {"network", "attention", &s.attention, "Side of the feature maps with self-attention; 0: none", 0, 256},
       {"network", "hierarchical", &s.hierarchical,
        "Gives every block a chunk of the latent; z_dim is rounded down to equal chunks"},
       {"network", "shared_dim", &s.shared_dim,
        "Length of the labels' embedding that all blocks share; 0: every batch norm has a table of its own", 0, 4096},
       {"network",
        "init",
        &s.init,
        "Initialization: orthogonal, or normal of standard deviation 0.02",
        0,
        0,
        {"orthogonal", "normal"}},
       {"training", "d_steps", &s.d_steps, "Discriminator steps for each of the generator, each on a batch of its own",
        1, 64},
       {"training", "orthogonal", &s.orthogonal,
        "Weight of the generator's orthogonal regularization, which leaves embeddings out", 0, 1e6},
       {"training",
        "fake_labels",
        &s.fake_labels,
        "How labels of generated images are drawn: uniform, each as often as the others, as BigGAN-PyTorch does; data, "
        "each as often as the data has it",
        0,
        0,
        {"uniform", "data"}}});
  return keys;
}

void BigGanFamily::check(FamilySettings& settings, const std::string& origin) const {
  settings.conditional = true;
  check_image(settings, origin);
}

std::vector<SlotSpec> BigGanFamily::slots() const {
  return {{"generator", NetworkRole::generator, /*averaged=*/true}, {"discriminator", NetworkRole::discriminator}};
}

nlohmann::json BigGanFamily::shape(const FamilySettings& settings, const Widths& widths,
                                   const std::string& slot) const {
  const BigGanSettings s = dynamic_cast<const BigGanFamilySettings&>(settings).architecture();
  return slot == "generator" ? BigGanGeneratorShape::make(s, widths.generator).to_json()
                             : BigGanDiscriminatorShape::make(s, widths.discriminator).to_json();
}

void BigGanFamily::describe(const NetworkSet& networks, FamilySettings& settings) const {
  auto& s = dynamic_cast<BigGanFamilySettings&>(settings);
  const auto generator = networks.best<BigGanGenerator>("generator");
  if (!generator) return;
  const BigGanGeneratorShape& shape = generator->shape();
  s.z_dim = shape.z_dim;
  s.hierarchical = shape.hierarchical;
  s.shared_dim = shape.shared_dim;
  s.channels = shape.base_channels();
  s.attention = shape.attention.empty() ? 0 : int64_t{8} << shape.attention.front();
}

std::shared_ptr<Network> BigGanFamily::make_network(const std::string& slot, const nlohmann::json& json,
                                                    const std::string& origin, int64_t max_params) const {
  if (slot == "generator") {
    const auto shape = BigGanGeneratorShape::from_json(json, origin);
    check_size(shape.cost(), max_params, origin);
    return std::make_shared<BigGanGenerator>(shape);
  }
  const auto shape = BigGanDiscriminatorShape::from_json(json, origin);
  check_size(shape.cost(), max_params, origin);
  return std::make_shared<BigGanDiscriminator>(shape);
}

Cost BigGanFamily::cost(const std::string& slot, const nlohmann::json& json) const {
  return slot == "generator" ? BigGanGeneratorShape::from_json(json, "the recipe").cost()
                             : BigGanDiscriminatorShape::from_json(json, "the recipe").cost();
}

void BigGanFamily::initialize(const NetworkSet& networks, const FamilySettings& settings) const {
  const auto& init = dynamic_cast<const BigGanFamilySettings&>(settings).init;
  for (const NetworkSlot& slot : networks) initialize_biggan(*slot.network, init);
}

std::unique_ptr<Objective> BigGanFamily::objective(const FamilySettings& settings, const NetworkSet& networks) const {
  return std::make_unique<BigGanObjective>(dynamic_cast<const BigGanFamilySettings&>(settings),
                                           networks.network<BigGanGenerator>("generator"),
                                           networks.network<BigGanDiscriminator>("discriminator"));
}

std::shared_ptr<Sampler> BigGanFamily::sampler(const NetworkSet& networks) const {
  return networks.best<BigGanGenerator>("generator");
}

std::vector<std::shared_ptr<const CheckpointFormat>> BigGanFamily::checkpoint_formats() const {
  return {biggan_pytorch_format()};
}

}  // namespace dgl
