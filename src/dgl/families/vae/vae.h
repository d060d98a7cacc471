#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/own_discriminator.h"
#include "dgl/families/unet_keys.h"
#include "dgl/families/vae/networks.h"

namespace dgl {

/// What a recipe says of a variational autoencoder and its training.
struct VaeFamilySettings : UNetFamilySettings {
  std::string architecture = "kl";
  int64_t z_channels = 4;

  std::string reconstruction = "l1";  ///< error of reconstructions: l1, or l2
  double kl_weight = 1e-6;
  std::string perceptual;       ///< file of LPIPS (losses/lpips.h), which the error takes in; "": none
  std::string perceptual_path;  ///< where it lies
  double perceptual_weight = 1;

  /// What a student trains: both, the decoder beside its teacher's encoder, or its own discriminator beside both of its
  /// teacher's. It narrows no other.
  std::string part = "both";

  bool latents = false;      ///< whether a student's latents are to be its teacher's
  double latents_scale = 1;  ///< times this

  OwnDiscriminatorSettings discriminator;

  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<VaeFamilySettings>(*this); }
  std::vector<NamedFile> files() override { return {{"training.perceptual", &perceptual, &perceptual_path}}; }
  /// Throws Error (naming `origin` and the key) for a list that is not of whole numbers, or no levels.
  VaeSettings at_full_width(const std::string& origin) const;
};

/// Variational autoencoders (Kingma and Welling 2014, arXiv 1312.6114) as CompVis/latent-diffusion builds and trains
/// them, with a patch discriminator of its own or without, or of madebyollin/taesd's shape (VaeArchitecture). Its
/// images stand for those that it reconstructs.
class VaeFamily : public Family {
 public:
  std::string name() const override { return "vae"; }
  std::unique_ptr<FamilySettings> default_settings() const override { return std::make_unique<VaeFamilySettings>(); }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override;
  void check(FamilySettings& settings, const std::string& origin) const override;
  std::vector<SlotSpec> slots() const override;
  bool reconstructs() const override { return true; }
  /// The teacher's features alone, at a share of the gradient of the student's own loss.
  GuidanceWeights usual_guidance() const override {
    return {.lambda = 0, .pair = 0.5, .pair_weight = "gradient:0.99,1e4"};
  }
  /// Null for a discriminator where the settings have none.
  nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const override;
  void describe(const NetworkSet& networks, FamilySettings& settings) const override;
  std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape, const std::string& origin,
                                        int64_t max_params) const override;
  Cost cost(const std::string& slot, const nlohmann::json& shape) const override;
  std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const override;
  /// Reconstructions of images by the means of their latents (VaeReconstruction).
  std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const override;
  std::string default_loss() const override { return "hinge"; }
  /// Images of latents of the prior (VaePrior).
  std::shared_ptr<Sampler> prior_sampler(const NetworkSet& networks) const override;
  /// "kl", the mean divergence of the latents of an image in nats; "active_dimensions", how many coordinates have means
  /// whose variance over images is above 0.01 (Burda et al. 2016, arXiv 1509.00519, section 5.2), of
  /// "latent_dimensions". Without "kl" where the encoder gives no variances.
  nlohmann::json own_measures(const NetworkSet& networks, const torch::Tensor& images,
                              const torch::Tensor& labels) const override;
  /// The means of latents.
  torch::Tensor encode(const NetworkSet& networks, const torch::Tensor& images) const override;
  /// Throws Error for an encoder and a decoder of other images or latents.
  void check_networks(const NetworkSet& networks, const std::string& origin) const override;
  std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() const override;
};

}  // namespace dgl
