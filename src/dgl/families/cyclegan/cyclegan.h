#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/cyclegan/shape.h"
#include "dgl/families/family.h"

namespace dgl {

/// What a recipe says of a CycleGAN and its training.
struct CycleGanSettings : FamilySettings {
  std::string architecture = "resnet";
  int64_t channels = 64, blocks = 9;

  int64_t d_channels = 64, d_layers = 3;
  std::string d_norm = "instance";

  double cycle_weight = 10;      ///< of the images that come back
  double identity_weight = 0.5;  ///< of images that are of the other domain already, times cycle_weight
  int64_t pool = 50;             ///< images that a discriminator's pool keeps; 0: none
  double pair_judge = 0;         ///< weight of the discriminators of pairs; 0: none

  std::string part = "both";           ///< what a student narrows and trains: all, or what it names
  std::string pair_images = "cycles";  ///< what guidance.pair compares: cycles, or translations with the teacher's

  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<CycleGanSettings>(*this); }
  /// Whether a student trains the generator of a direction, "a_to_b" or "b_to_a".
  bool trains(const std::string& direction) const;
  /// Whether it trains discriminators of pairs alone, beside its teacher's other networks as they are.
  bool trains_pair_judges_alone() const;
};

/// CycleGANs (Zhu et al. 2017, arXiv 1703.10593): two generators that translate images between two domains, "a" and
/// "b", and a patch discriminator of each domain, as junyanz/pytorch-CycleGAN-and-pix2pix builds and trains them.
/// "discriminator_b" judges images of domain b, which that program's net_D_A does. Beside them may be discriminators of
/// pairs, as in ACL-GAN (Zhao et al. 2020, arXiv 2003.04858): "pair_discriminator_a" tells an image of domain a and
/// what comes back of its translation from the image and what the generator of domain a makes of it directly.
class CycleGanFamily : public Family {
 public:
  std::string name() const override { return "cyclegan"; }
  std::unique_ptr<FamilySettings> default_settings() const override { return std::make_unique<CycleGanSettings>(); }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override;
  void check(FamilySettings& settings, const std::string& origin) const override;

  std::vector<std::string> domains() const override { return {"a", "b"}; }
  size_t input_domain() const override { return 0; }
  size_t output_domain() const override { return 1; }
  std::vector<SlotSpec> slots() const override;
  /// Full width for the generator that a student keeps as it is; null for the discriminator of its images.
  nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const override;
  void describe(const NetworkSet& networks, FamilySettings& settings) const override;
  std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape, const std::string& origin,
                                        int64_t max_params) const override;
  Cost cost(const std::string& slot, const nlohmann::json& shape) const override;
  std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const override;
  /// Translates from a to b.
  std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const override;
  std::vector<Direction> directions() const override { return {{"a_to_b", 0, 1}, {"b_to_a", 1, 0}}; }
  std::shared_ptr<Sampler> translator(const NetworkSet& networks, const std::string& direction) const override;
  GuidanceWeights usual_guidance() const override { return {.lambda = 0.3, .pair = 1}; }
  std::string default_loss() const override { return "lsgan"; }
  /// Throws Error for networks of images of different channels.
  void check_networks(const NetworkSet& networks, const std::string& origin) const override;
  std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() const override;
};

}  // namespace dgl
