#include "dgl/families/diffusion/diffusion.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/families/diffusion/architecture.h"
#include "dgl/families/diffusion/checkpoint_import.h"
#include "dgl/families/diffusion/objective.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/families/family_keys.h"
#include "dgl/nn/patch_discriminator.h"

namespace dgl {

DenoiserSettings DiffusionFamilySettings::denoiser(const std::string& origin) const {
  DenoiserSettings s;
  static_cast<UNetSettings&>(s) = unet(origin);
  s.architecture = architecture;
  s.classes = labels();
  s.precondition = parse_precondition(precondition, origin + ": network.precondition");
  s.solver = solver;
  return s;
}

std::vector<ConfigKey> DiffusionFamily::keys(FamilySettings& settings) const {
  auto& s = dynamic_cast<DiffusionFamilySettings&>(settings);
  std::vector<ConfigKey> keys = image_keys(s);
  const std::vector<ConfigKey> unet = unet_keys(s);
  keys.insert(keys.end(), unet.begin(), unet.end());
  keys.insert(
      keys.end(),
      {{"network", "architecture", &s.architecture,
        "Layers of the denoiser: ddpm, DDPM's U-Net; ddpm++ and ncsn++, those of EDM, of which the second sees the "
        "image "
        "at every level of the way down",
        0, 0, denoiser_architectures()},
       {"network", "conditional", &s.conditional, "Whether the denoiser takes labels"},
       {"network", "dropout", &s.dropout, "Share of numbers that residual blocks drop in training", 0, 0.9},
       {"network",
        "precondition",
        &s.precondition,
        "What the network predicts: edm, the image by EDM's scaling; eps, the noise at one of DDPM's 1000 times",
        0,
        0,
        {"edm", "eps"}},
       {"network", "sampler", &s.solver.name,
        "How images are drawn: heun, EDM's of second order; euler, DDIM's; renoise, which denoises and adds fresh "
        "noise "
        "step by step, for few steps",
        0, 0, solver_names()},
       {"network", "steps", &s.solver.steps, "Noise levels of the sampler", 1, kTimes},
       {"network", "grid", &s.solver.grid,
        "Where these levels are: karras, EDM's; for eps also DDIM's times, uniform or quad", 0, 0, grid_names()},
       {"training", "sigma_mean", &s.sigma_mean, "Mean of the logarithm of noise levels (edm)", -10, 10},
       {"training", "sigma_std", &s.sigma_std, "Its standard deviation", 0, 10},
       {"student",
        "part",
        &s.part,
        "What a student trains: both, its denoiser and, if it has one, its own discriminator; discriminator, that one "
        "alone beside its teacher's denoiser as it is, to judge students of that teacher",
        0,
        0,
        {"both", kDiscriminatorAlone}},
       {"guidance",
        "judged",
        &s.judged,
        "What teachers judge: samples that the student makes in few calls, with gradients through the last one; "
        "denoised, training images without the noise that was added to them",
        0,
        0,
        {kSamples, kDenoised}},
       {"guidance", "steps", &s.judged_steps,
        "Most calls for a sample that discriminators judge; each step of training takes a random number of them, from "
        "1 on",
        1, 64},
       {"guidance", "sigma", &s.judged_sigma, "Largest noise of denoised images that teachers judge", 1e-3, 1e3},
       {"guidance", "share", &s.judged_share, "As many samples are judged, as a share of the batch", 1e-3, 1}});
  const std::vector<ConfigKey> discriminator = own_discriminator_keys(s.discriminator);
  keys.insert(keys.end(), discriminator.begin(), discriminator.end());
  return keys;
}

void DiffusionFamily::check(FamilySettings& settings, const std::string& origin) const {
  check_image(settings, origin);
  const auto& s = dynamic_cast<DiffusionFamilySettings&>(settings);
  check_part(s.part, s.discriminator, origin);
  check_solver(s.solver, s.denoiser(origin).precondition, origin + ": network");
}

std::vector<SlotSpec> DiffusionFamily::slots() const {
  return {{"denoiser", NetworkRole::generator, /*averaged=*/true}, {"discriminator", NetworkRole::discriminator}};
}

nlohmann::json DiffusionFamily::shape(const FamilySettings& settings, const Widths& widths,
                                      const std::string& slot) const {
  const auto& s = dynamic_cast<const DiffusionFamilySettings&>(settings);
  if (slot == "discriminator") return own_discriminator_shape(s.discriminator, s, widths.discriminator, name());
  const Rational width = s.part == kDiscriminatorAlone ? Rational{} : widths.generator;
  return shape_of_denoiser(s.denoiser("the recipe"), width);
}

void DiffusionFamily::describe(const NetworkSet& networks, FamilySettings& settings) const {
  auto& s = dynamic_cast<DiffusionFamilySettings&>(settings);
  const auto denoiser = networks.best<Denoiser>("denoiser");
  if (!denoiser) return;
  const DenoiserShape& shape = denoiser->shape();
  describe_unet(shape, s);
  s.architecture = denoiser->architecture();
  s.precondition = to_text(shape.precondition);
  s.solver = shape.solver;
}

std::shared_ptr<Network> DiffusionFamily::make_network(const std::string& slot, const nlohmann::json& json,
                                                       const std::string& origin, int64_t max_params) const {
  if (slot == "discriminator") return make_patch_discriminator(json, name(), origin, max_params);
  return make_denoiser(json, origin, max_params);
}

Cost DiffusionFamily::cost(const std::string& slot, const nlohmann::json& json) const {
  if (slot == "discriminator") return PatchDiscriminatorShape::from_json(json, "the recipe").cost();
  return denoiser_cost(json, "the recipe");
}

std::unique_ptr<Objective> DiffusionFamily::objective(const FamilySettings& settings,
                                                      const NetworkSet& networks) const {
  return std::make_unique<DiffusionObjective>(dynamic_cast<const DiffusionFamilySettings&>(settings),
                                              networks.network<Denoiser>("denoiser"),
                                              networks.network<Discriminator>("discriminator"));
}

std::shared_ptr<Sampler> DiffusionFamily::sampler(const NetworkSet& networks) const {
  const auto denoiser = networks.best<Denoiser>("denoiser");
  return denoiser ? std::make_shared<DiffusionSampler>(denoiser) : nullptr;
}

nlohmann::json DiffusionFamily::own_measures(const NetworkSet& networks, const torch::Tensor& images,
                                             const torch::Tensor& labels) const {
  // Quantiles of the normal distribution at 0.05, 0.15, …, 0.95.
  constexpr double kQuantiles[] = {-1.644854, -1.036433, -0.674490, -0.385320, -0.125661,
                                   0.125661,  0.385320,  0.674490,  1.036433,  1.644854};
  constexpr int64_t kBatch = 64;
  const torch::NoGradGuard no_grad;
  const auto denoiser = networks.best<Denoiser>("denoiser");
  if (!denoiser) return nullptr;
  const DiffusionFamilySettings usual;
  nlohmann::json measures;
  for (const double quantile : kQuantiles) {
    const double sigma = std::exp(usual.sigma_mean + usual.sigma_std * quantile);
    const at::Generator random = make_random(images.device(), 0);
    double sum = 0;
    for (int64_t first = 0; first < images.size(0); first += kBatch) {
      const Batch batch{images.slice(0, first, first + kBatch),
                        labels.defined() ? labels.slice(0, first, first + kBatch) : labels};
      const auto options = batch.images.options();
      const DrawnNoise noise{torch::full({batch.images.size(0)}, sigma, options),
                             at::randn(batch.images.sizes(), random, options)};
      const torch::Tensor made = denoising_loss(*denoiser, batch, noise).images;
      sum += edm_error(made, batch.images, noise.sigma).item<double>() * static_cast<double>(batch.images.size(0));
    }
    measures["noise_levels"].push_back(sigma);
    measures["denoising_loss"].push_back(sum / static_cast<double>(images.size(0)));
  }
  return measures;
}

std::vector<std::shared_ptr<const CheckpointFormat>> DiffusionFamily::checkpoint_formats() const {
  return {ddpm_format(), diffusers_format(), edm_format()};
}

}  // namespace dgl
