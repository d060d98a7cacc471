#include "dgl/families/cyclegan/cyclegan.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/cyclegan/checkpoint_import.h"
#include "dgl/families/cyclegan/generator.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/families/cyclegan/objective.h"
#include "dgl/families/cyclegan/samplers.h"
#include "dgl/families/family_keys.h"
#include "dgl/families/own_discriminator.h"
#include "dgl/nn/patch_discriminator.h"

namespace dgl {

namespace {

constexpr const char *kBoth = "both", *kAToB = "a_to_b", *kBToA = "b_to_a", *kPairJudges = "pair_discriminators";
const std::string kGenerator = "generator_", kPairDiscriminator = "pair_discriminator_";

bool is_generator(const std::string& slot) { return slot.starts_with(kGenerator); }

}  // namespace

bool CycleGanSettings::trains(const std::string& direction) const { return part == kBoth || part == direction; }

bool CycleGanSettings::trains_pair_judges_alone() const { return part == kPairJudges; }

std::vector<ConfigKey> CycleGanFamily::keys(FamilySettings& settings) const {
  auto& s = dynamic_cast<CycleGanSettings&>(settings);
  std::vector<ConfigKey> keys = image_keys(s);
  keys.insert(
      keys.end(),
      {{"network", "architecture", &s.architecture,
        "Blocks of the generators: resnet, 3x3 convolutions; mobile, a depthwise 3x3 and a 1x1 convolution for each", 0,
        0, resnet_architectures()},
       {"network", "channels", &s.channels,
        "Feature maps of a generator's first convolution; its blocks have four times "
        "as many",
        1, 4096},
       {"network", "blocks", &s.blocks, "Residual blocks of a generator: usually 9 at 256 pixels, 6 at fewer", 1,
        ResnetShape::kMostBlocks},
       {"training", "cycle_weight", &s.cycle_weight,
        "Weight of the mean absolute difference of an image and what comes back of its translation", 0, 1e6},
       {"training", "identity_weight", &s.identity_weight,
        "Weight, times cycle_weight, of the change that a generator makes to images of the domain that it translates "
        "to",
        0, 1e6},
       {"training", "pool", &s.pool,
        "Generated images of earlier steps that each discriminator's pool keeps, half of what it sees; above 0 a batch "
        "is not split into shards; 0: none",
        0, 10000},
       {"training", "pair_judge", &s.pair_judge,
        "Weight of discriminators of pairs that learn with the others: each tells an image and what comes back of its "
        "translation from the image and what the generator of its own domain makes of it (ACL-GAN: 0.2); 0: none",
        0, 1e6},
       {"student",
        "part",
        &s.part,
        "What a student narrows and trains: both directions; a_to_b or b_to_a, that one alone, beside its teacher's "
        "generator of the other direction as it is; pair_discriminators, these alone, beside all of its teacher's "
        "networks as they are, to judge another student afterwards",
        0,
        0,
        {kBoth, kAToB, kBToA, kPairJudges}},
       {"guidance",
        "pair_images",
        &s.pair_images,
        "What guidance.pair compares: cycles, what comes back of a translation with the image that it began with; "
        "translations, each with the teacher's translation of the same image",
        0,
        0,
        {"cycles", "translations"}},
       {"discriminator", "channels", &s.d_channels, "Feature maps of its first convolution", 1, 1024},
       {"discriminator", "layers", &s.d_layers, "Its convolutions of stride 2: 3 at 256 pixels, fewer for small images",
        1, 10},
       {"discriminator", "norm", &s.d_norm, "Its norm: instance, batch, none", 0, 0, {"instance", "batch", "none"}}});
  return keys;
}

void CycleGanFamily::check(FamilySettings& settings, const std::string& origin) const {
  check_image(settings, origin);
  const auto& s = dynamic_cast<const CycleGanSettings&>(settings);
  if (s.trains_pair_judges_alone() && s.pair_judge == 0) {
    fail("{}: student.part = \"{}\": expected training.pair_judge above 0", origin, kPairJudges);
  }
}

std::vector<SlotSpec> CycleGanFamily::slots() const {
  const auto makes = NetworkRole::generator, judges = NetworkRole::discriminator;
  return {{.name = "generator_a_to_b", .role = makes, .averaged = true},
          {.name = "generator_b_to_a", .role = makes, .averaged = true},
          {.name = "discriminator_a", .role = judges, .domain = 0},
          {.name = "discriminator_b", .role = judges, .domain = 1},
          {.name = kPairDiscriminator + "a", .role = judges, .domain = 0, .pairs = true},
          {.name = kPairDiscriminator + "b", .role = judges, .domain = 1, .pairs = true}};
}

nlohmann::json CycleGanFamily::shape(const FamilySettings& settings, const Widths& widths,
                                     const std::string& slot) const {
  const auto& s = dynamic_cast<const CycleGanSettings&>(settings);
  const char* const origin = "the recipe";
  if (is_generator(slot)) {
    const Rational width = s.trains(slot.substr(kGenerator.size())) ? widths.generator : Rational{};
    const auto shape = ResnetShape::usual(s.resolution, s.img_channels, s.architecture, width.of(s.channels), s.blocks);
    return ResnetShape::from_json(shape.to_json(), origin).to_json();
  }
  const bool pairs = slot.starts_with(kPairDiscriminator);
  if (pairs && s.pair_judge == 0) return nullptr;
  if (!pairs && !s.trains_pair_judges_alone() && !s.trains(slot == "discriminator_b" ? kAToB : kBToA)) return nullptr;
  const int64_t images = pairs ? 2 : 1;
  const PatchDiscriminatorShape shape{s.resolution, images * s.img_channels, widths.discriminator.of(s.d_channels),
                                      s.d_layers, s.d_norm};
  return PatchDiscriminatorShape::from_json(shape.to_json(name()), origin).to_json(name());
}

void CycleGanFamily::describe(const NetworkSet& networks, FamilySettings& settings) const {
  auto& s = dynamic_cast<CycleGanSettings&>(settings);
  for (const NetworkSlot& slot : networks) {
    if (const auto* generator = dynamic_cast<const TranslationGenerator*>(slot.best().get())) {
      s.architecture = generator->settings()["architecture"];
      s.channels = generator->first_channels();
      s.blocks = generator->blocks();
    } else if (const auto* patch = dynamic_cast<const PatchDiscriminator*>(slot.best().get())) {
      s.d_channels = patch->shape().channels;
      s.d_layers = patch->shape().layers;
      s.d_norm = patch->shape().norm;
    }
  }
}

std::shared_ptr<Network> CycleGanFamily::make_network(const std::string& slot, const nlohmann::json& json,
                                                      const std::string& origin, int64_t max_params) const {
  if (is_generator(slot)) return make_translation_generator(json, origin, max_params);
  return make_patch_discriminator(json, name(), origin, max_params);
}

Cost CycleGanFamily::cost(const std::string& slot, const nlohmann::json& json) const {
  if (is_generator(slot)) return translation_generator_cost(json, "the recipe");
  return PatchDiscriminatorShape::from_json(json, "the recipe").cost();
}

std::unique_ptr<Objective> CycleGanFamily::objective(const FamilySettings& settings, const NetworkSet& networks) const {
  return std::make_unique<CycleGanObjective>(dynamic_cast<const CycleGanSettings&>(settings), networks);
}

std::shared_ptr<Sampler> CycleGanFamily::sampler(const NetworkSet& networks) const {
  return translator(networks, directions().front().name);
}

std::shared_ptr<Sampler> CycleGanFamily::translator(const NetworkSet& networks, const std::string& direction) const {
  const auto generator = networks.best<TranslationGenerator>(kGenerator + direction);
  const auto back = networks.best<TranslationGenerator>(kGenerator + (direction == kAToB ? kBToA : kAToB));
  return generator ? std::make_shared<Translation>(generator, back) : nullptr;
}

void CycleGanFamily::check_networks(const NetworkSet& networks, const std::string& origin) const {
  const NetworkSlot* first = nullptr;
  int64_t expected = 0;
  for (const NetworkSlot& slot : networks) {
    const auto generator = std::dynamic_pointer_cast<TranslationGenerator>(slot.best());
    const auto discriminator = std::dynamic_pointer_cast<Discriminator>(slot.best());
    if (!generator && !discriminator) continue;
    const int64_t images = slot.pairs ? 2 : 1;
    const int64_t channels = generator ? generator->img_channels() : discriminator->channels() / images;
    if (!first) {
      first = &slot;
      expected = channels;
    }
    if (channels == expected) continue;
    fail("{}: {} is of images of {} channels, {} of {}; expected the same", origin, first->name, expected, slot.name,
         channels);
  }
}

std::vector<std::shared_ptr<const CheckpointFormat>> CycleGanFamily::checkpoint_formats() const {
  return {gan_compression_format(), cyclegan_format()};  // the latter takes any generator
}

}  // namespace dgl
