#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/family.h"
#include "dgl/families/stylegan2/networks.h"

namespace dgl {

/// What a recipe says of a StyleGAN2 and its training.
struct StyleGan2FamilySettings : FamilySettings {
  StyleGan2Settings network;  ///< but for resolution, channels and labels, which architecture() fills in

  double r1_gamma = 0.01;
  int64_t r1_interval = 16;
  double pl_weight = 2, pl_decay = 0.01;
  int64_t pl_interval = 4, pl_batch_shrink = 2;
  bool pl_correction = false;  ///< whether the generator's Adam is corrected for pl_interval even without path lengths
  double style_mixing = 0.9;

  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<StyleGan2FamilySettings>(*this); }
  StyleGan2Settings architecture() const;
};

/// StyleGAN2 (Karras et al. 2020, arXiv 1912.04958), config-f, as stylegan2-ada-pytorch builds and trains it.
class StyleGan2Family : public Family {
 public:
  std::string name() const override { return "stylegan2"; }
  std::unique_ptr<FamilySettings> default_settings() const override {
    return std::make_unique<StyleGan2FamilySettings>();
  }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override;
  void check(FamilySettings& settings, const std::string& origin) const override;
  std::vector<SlotSpec> slots() const override;
  nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const override;
  std::vector<std::unique_ptr<FamilySettings>> tapered(const FamilySettings& settings) const override;
  void describe(const NetworkSet& networks, FamilySettings& settings) const override;
  std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape, const std::string& origin,
                                        int64_t max_params) const override;
  Cost cost(const std::string& slot, const nlohmann::json& shape) const override;
  std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const override;
  std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const override;
  std::string default_loss() const override { return "logistic"; }
  std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() const override;
};

}  // namespace dgl
