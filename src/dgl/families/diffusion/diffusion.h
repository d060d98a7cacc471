#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/diffusion/denoiser.h"
#include "dgl/families/own_discriminator.h"
#include "dgl/families/unet_keys.h"

namespace dgl {

/// What a recipe says of a diffusion model and its training.
struct DiffusionFamilySettings : UNetFamilySettings {
  DiffusionFamilySettings() {
    multiples = "1,2,2,2";
    attention = "16";
  }

  std::string architecture = "ddpm";  ///< one of denoiser_architectures()
  std::string precondition = "edm";
  Solver solver;
  double dropout = 0;                         ///< of residual blocks, in training
  double sigma_mean = -1.2, sigma_std = 1.2;  ///< of the logarithm of noise levels in training

  std::string judged = "samples";  ///< what teachers judge: samples, of judged_steps, or denoised training images
  int64_t judged_steps = 4;        ///< calls of the sampler whose images are judged
  double judged_sigma = 0.5;       ///< largest noise of denoised images that are judged
  double judged_share = 0.5;       ///< of a batch, as many samples are judged
  OwnDiscriminatorSettings discriminator;
  /// What a student trains: both networks, or its own discriminator beside its teacher's denoiser, which is not
  /// narrowed then.
  std::string part = "both";

  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<DiffusionFamilySettings>(*this); }
  /// Throws Error (naming `origin` and the key) for lists and names that are not known.
  DenoiserSettings denoiser(const std::string& origin) const;
};

/// Diffusion models (Ho et al. 2020, arXiv 2006.11239) in the framework of Karras et al. 2022 (arXiv 2206.00364): one
/// denoiser of an architecture of architecture.h, and in training perhaps a discriminator of its few-step samples.
class DiffusionFamily : public Family {
 public:
  std::string name() const override { return "diffusion"; }
  std::unique_ptr<FamilySettings> default_settings() const override {
    return std::make_unique<DiffusionFamilySettings>();
  }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override;
  void check(FamilySettings& settings, const std::string& origin) const override;
  std::vector<SlotSpec> slots() const override;
  nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const override;
  void describe(const NetworkSet& networks, FamilySettings& settings) const override;
  std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape, const std::string& origin,
                                        int64_t max_params) const override;
  Cost cost(const std::string& slot, const nlohmann::json& shape) const override;
  std::string default_loss() const override { return "hinge"; }
  std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const override;
  /// "noise_levels", ten of them, the middles of the tenths of EDM's distribution in training; and "denoising_loss",
  /// the weighted error of denoising there (denoising_loss() of `edm`), whatever the network predicts.
  nlohmann::json own_measures(const NetworkSet& networks, const torch::Tensor& images,
                              const torch::Tensor& labels) const override;
  std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const override;
  std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() const override;
};

}  // namespace dgl
