#include "dgl/families/vae/vae.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/family_keys.h"
#include "dgl/families/vae/architecture.h"
#include "dgl/families/vae/checkpoint_import.h"
#include "dgl/families/vae/objective.h"
#include "dgl/families/vae/samplers.h"
#include "dgl/nn/patch_discriminator.h"

namespace dgl {

VaeSettings VaeFamilySettings::at_full_width(const std::string& origin) const {
  VaeSettings s;
  static_cast<UNetSettings&>(s) = unet(origin);
  s.z_channels = z_channels;
  return s;
}

std::vector<ConfigKey> VaeFamily::keys(FamilySettings& settings) const {
  auto& s = dynamic_cast<VaeFamilySettings&>(settings);
  std::vector<ConfigKey> keys = image_keys(s);
  const std::vector<ConfigKey> unet = unet_keys(s);
  keys.insert(keys.end(), unet.begin(), unet.end());
  keys.insert(
      keys.end(),
      {{"network", "architecture", &s.architecture,
        "Kind of autoencoder: kl, latent diffusion's AutoencoderKL; tiny, TAESD's of convolutions and ReLU alone, "
        "whose encoder gives no variances; the first level of tiny has one block, and it has no attention and groups",
        0, 0, vae_architecture_names()},
       {"network", "z_channels", &s.z_channels, "Channels of the latents; no width narrows them", 1, 4096},
       {"training",
        "reconstruction",
        &s.reconstruction,
        "Error of a reconstruction, summed over an image: l1, absolute differences; l2, their squares",
        0,
        0,
        {"l1", "l2"}},
       {"training", "kl_weight", &s.kl_weight,
        "Weight of the divergence of latents from a normal distribution; from about 0.1 on, images can be drawn "
        "from it",
        0, 1e6},
       {"training", "perceptual", &s.perceptual,
        "Weights of LPIPS on VGG16, or a checkpoint that holds them, whose distance the error of a reconstruction "
        "takes in as latent diffusion's does; empty: none"},
       {"training", "perceptual_weight", &s.perceptual_weight,
        "Weight of that distance, which every element of an image gets", 0, 1e6},
       {"run", "perceptual", &s.perceptual_path, ""},
       {"student",
        "part",
        &s.part,
        "What a student narrows and trains: both networks; decoder, beside its teacher's encoder as it is, so that "
        "latents stay what they were; discriminator, one of its own beside its teacher's networks as they are, to "
        "judge students of that teacher",
        0,
        0,
        {"both", "decoder", kDiscriminatorAlone}},
       {"guidance", "latents", &s.latents,
        "Whether the student's encoder learns its teacher's latents and its decoder decodes those, in both stages, in "
        "place of latents of its own: what was made for the teacher's latents then works with the student"},
       {"guidance", "latents_scale", &s.latents_scale,
        "Factor of the teacher's latents that the student learns: 0.18215 for a tiny student of Stable Diffusion's "
        "autoencoder, as TAESD is",
        1e-6, 1e6}});
  const std::vector<ConfigKey> discriminator = own_discriminator_keys(s.discriminator);
  keys.insert(keys.end(), discriminator.begin(), discriminator.end());
  return keys;
}

void VaeFamily::check(FamilySettings& settings, const std::string& origin) const {
  check_image(settings, origin);
  const auto& s = dynamic_cast<VaeFamilySettings&>(settings);
  if (s.latents && s.part == "decoder") {
    fail("{}: guidance.latents: student.part = \"decoder\" keeps the teacher's encoder already; expected one of them",
         origin);
  }
  check_part(s.part, s.discriminator, origin);
  s.at_full_width(origin);
}

std::vector<SlotSpec> VaeFamily::slots() const {
  return {{"encoder", NetworkRole::generator, /*averaged=*/true},
          {"decoder", NetworkRole::generator, true},
          {"discriminator", NetworkRole::discriminator}};
}

nlohmann::json VaeFamily::shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const {
  const auto& s = dynamic_cast<const VaeFamilySettings&>(settings);
  if (slot == "discriminator") return own_discriminator_shape(s.discriminator, s, widths.discriminator, name());
  const bool whole = s.part == kDiscriminatorAlone || (slot == "encoder" && s.part == "decoder");
  return vae_architecture(s.architecture, "the recipe")
      .shape(s.at_full_width("the recipe"), whole ? Rational{} : widths.generator);
}

void VaeFamily::describe(const NetworkSet& networks, FamilySettings& settings) const {
  auto& s = dynamic_cast<VaeFamilySettings&>(settings);
  for (const NetworkSlot& slot : networks) {
    if (slot.role == NetworkRole::discriminator || !slot.best()) continue;
    const nlohmann::json shape = slot.best()->settings();
    vae_architecture_of(shape, "the model").describe(shape, s);
  }
}

std::shared_ptr<Network> VaeFamily::make_network(const std::string& slot, const nlohmann::json& json,
                                                 const std::string& origin, int64_t max_params) const {
  if (slot == "discriminator") return make_patch_discriminator(json, name(), origin, max_params);
  return vae_architecture_of(json, origin).make_network(slot, json, origin, max_params);
}

Cost VaeFamily::cost(const std::string& slot, const nlohmann::json& json) const {
  if (slot == "discriminator") return PatchDiscriminatorShape::from_json(json, "the recipe").cost();
  return vae_architecture_of(json, "the recipe").cost(slot, json, "the recipe");
}

std::unique_ptr<Objective> VaeFamily::objective(const FamilySettings& settings, const NetworkSet& networks) const {
  return std::make_unique<VaeObjective>(
      dynamic_cast<const VaeFamilySettings&>(settings), networks.network<VaeEncoder>("encoder"),
      networks.network<VaeDecoder>("decoder"), networks.network<Discriminator>("discriminator"));
}

std::shared_ptr<Sampler> VaeFamily::sampler(const NetworkSet& networks) const {
  const auto encoder = networks.best<VaeEncoder>("encoder");
  const auto decoder = networks.best<VaeDecoder>("decoder");
  if (!encoder || !decoder) return nullptr;
  return std::make_shared<VaeReconstruction>(encoder, decoder);
}

std::shared_ptr<Sampler> VaeFamily::prior_sampler(const NetworkSet& networks) const {
  const auto decoder = networks.best<VaeDecoder>("decoder");
  return decoder ? std::make_shared<VaePrior>(decoder) : nullptr;
}

torch::Tensor VaeFamily::encode(const NetworkSet& networks, const torch::Tensor& images) const {
  const auto encoder = networks.best<VaeEncoder>("encoder");
  return encoder ? encoder->posterior(images).mean : torch::Tensor();
}

nlohmann::json VaeFamily::own_measures(const NetworkSet& networks, const torch::Tensor& images,
                                       const torch::Tensor&) const {
  constexpr double kActive = 0.01;
  constexpr int64_t kBatch = 64;
  const torch::NoGradGuard no_grad;
  const auto encoder = networks.best<VaeEncoder>("encoder");
  if (!encoder) return nullptr;
  std::vector<torch::Tensor> means, divergences;
  for (const torch::Tensor& batch : images.split(kBatch)) {
    const Posterior posterior = encoder->posterior(batch);
    means.push_back(posterior.mean.flatten(1));
    divergences.push_back(posterior.kl());
  }
  const torch::Tensor variances = at::cat(means).var(0, /*unbiased=*/false);
  nlohmann::json measures = {{"active_dimensions", (variances > kActive).sum().item<int64_t>()},
                             {"latent_dimensions", variances.numel()}};
  if (encoder->has_variance()) measures["kl"] = at::cat(divergences).mean().item<double>();
  return measures;
}

void VaeFamily::check_networks(const NetworkSet& networks, const std::string& origin) const {
  const auto encoder = networks.best<VaeEncoder>("encoder");
  const auto decoder = networks.best<VaeDecoder>("decoder");
  if (!encoder || !decoder || encoder->sizes() == decoder->sizes()) return;
  const auto describe = [](const VaeSizes& s) {
    return fmt::format("{} channels of {} pixels a side and {} channels of {}", s.image.channels, s.image.height,
                       s.latent_channels, s.side());
  };
  fail("{}: the encoder maps between {}, the decoder between {}", origin, describe(encoder->sizes()),
       describe(decoder->sizes()));
}

std::vector<std::shared_ptr<const CheckpointFormat>> VaeFamily::checkpoint_formats() const {
  return {latent_diffusion_format(), diffusers_kl_format(), taesd_format(), diffusers_tiny_format()};
}

}  // namespace dgl
