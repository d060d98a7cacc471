#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/biggan/networks.h"
#include "dgl/families/family.h"

namespace dgl {

/// What a recipe says of a BigGAN and its training.
struct BigGanFamilySettings : FamilySettings {
  BigGanFamilySettings() { conditional = true; }

  int64_t z_dim = 128;
  int64_t channels = 64;
  int64_t attention = 0;
  bool hierarchical = true;
  int64_t shared_dim = 128;
  std::string init = "orthogonal";

  int64_t d_steps = 1;                  ///< discriminator steps for each of the generator, each on a batch of its own
  double orthogonal = 0;                ///< weight of the generator's orthogonal regularization
  std::string fake_labels = "uniform";  ///< how labels of generated images are drawn: uniform, or data, as the data has

  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<BigGanFamilySettings>(*this); }
  BigGanSettings architecture() const;
};

/// BigGAN (Brock et al. 2019, arXiv 1809.11096) as ajbrock/BigGAN-PyTorch builds and trains it.
class BigGanFamily : public Family {
 public:
  std::string name() const override { return "biggan"; }
  std::unique_ptr<FamilySettings> default_settings() const override { return std::make_unique<BigGanFamilySettings>(); }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override;
  void check(FamilySettings& settings, const std::string& origin) const override;
  std::vector<SlotSpec> slots() const override;
  nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const override;
  void describe(const NetworkSet& networks, FamilySettings& settings) const override;
  std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape, const std::string& origin,
                                        int64_t max_params) const override;
  Cost cost(const std::string& slot, const nlohmann::json& shape) const override;
  void initialize(const NetworkSet& networks, const FamilySettings& settings) const override;
  std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const override;
  std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const override;
  std::string default_loss() const override { return "hinge"; }
  std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() const override;
};

}  // namespace dgl
