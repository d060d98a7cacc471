#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/config_key.h"
#include "dgl/base/torch.h"
#include "dgl/families/family.h"
#include "dgl/families/objective.h"
#include "dgl/losses/adversarial.h"
#include "dgl/nn/network.h"

namespace dgl {

/// What a recipe's [discriminator] says of a discriminator that a model learns beside it, in a family that does without
/// one.
struct OwnDiscriminatorSettings {
  std::string architecture = "none";  ///< none; patch, a PatchGAN; stylegan2
  int64_t channels = 64;              ///< feature maps at the image's resolution
  int64_t channel_max = 512;          ///< most feature maps (stylegan2)
  int64_t layers = 3;                 ///< convolutions of stride 2 (patch)
  std::string norm = "batch";         ///< of patch: batch, instance or none
  std::string loss;                   ///< of adversarial_loss_names(); empty: logistic for stylegan2, hinge for patch
  double weight = 0.5;                ///< share of its gradient in the last layer of what it judges
  double start_kimg = 0;              ///< thousands of images of a run after which it takes part
  double r1_gamma = 0;                ///< of the R1 penalty; 0: none
  int64_t r1_interval = 16;

  bool any() const { return architecture != "none"; }
};

/// The value of student.part with which a run trains the discriminator alone, beside a teacher's other networks as they
/// are: what judges another student of that teacher afterwards.
inline constexpr const char* kDiscriminatorAlone = "discriminator";

/// Throws Error (naming `origin` and the key) if it is to be trained alone and there is none, or not from the start.
void check_part(const std::string& part, const OwnDiscriminatorSettings& settings, const std::string& origin);

/// The keys of [discriminator], bound to `settings`.
std::vector<ConfigKey> own_discriminator_keys(OwnDiscriminatorSettings& settings);

/// settings() of its network for a model's images and labels, at a width; null if there is none. `family` is the family
/// whose models have it, which makes a PatchGAN's network by make_patch_discriminator(). Throws Error for layers that
/// cannot be.
nlohmann::json own_discriminator_shape(const OwnDiscriminatorSettings& settings, const FamilySettings& images,
                                       Rational width, const std::string& family);

/// A PatchGAN of its settings(). Throws as Family::make_network() does.
std::shared_ptr<Network> make_patch_discriminator(const nlohmann::json& shape, const std::string& family,
                                                  const std::string& origin, int64_t max_params);

/// Images that judges with minibatch statistics usually score together.
constexpr int64_t kJudgedGroup = 4;
/// Into how many shards a batch may be split so that judges with minibatch statistics get whole groups.
int64_t most_judged_shards(int64_t batch, int64_t group = kJudgedGroup);
/// About `n` images, in whole groups of four for the same reason; at most `most`.
int64_t judged_images(int64_t n, int64_t most);

/// The game between a network that makes images and its own discriminator.
class OwnDiscriminator {
 public:
  /// `discriminator` is null if there is none.
  OwnDiscriminator(const OwnDiscriminatorSettings& settings, std::shared_ptr<Discriminator> discriminator);

  bool exists() const { return discriminator_ != nullptr; }
  /// Whether it takes part by now.
  bool plays(const StepInput& input) const { return exists() && input.run_kimg >= settings_.start_kimg; }
  /// "d_main", on real images and those that `draw` makes of a batch without gradients, and "d_reg", the lazy R1
  /// penalty (arXiv 1912.04958, appendix B), if there is one. Their losses refer to this object. None without a
  /// discriminator.
  std::vector<Phase> phases(const std::function<Batch(const StepInput&)>& draw) const;
  /// Into how many shards a batch may be split for it, where others allow `others`.
  int64_t max_shards(int64_t others) const;

  /// w * loss_G(D(images)), which makes the network that ends in `last_weight` deceive the discriminator. w is `weight`
  /// times the ratio of the norms of `error`'s and that loss's gradients on the last weight (Esser et al. 2021, arXiv
  /// 2012.09841, eq. 7). Reports "g_adversarial" and the score "adversarial_weight". Labels [N] may be undefined.
  torch::Tensor term(const torch::Tensor& images, const torch::Tensor& labels, const torch::Tensor& error,
                     const torch::Tensor& last_weight, const StepInput& input, StepOutput& output) const;

 private:
  /// A loss without gradient, where it does not take part yet.
  torch::Tensor nothing() const;
  torch::Tensor r1(const StepInput& input, StepOutput& output) const;

  const OwnDiscriminatorSettings settings_;
  std::shared_ptr<Discriminator> discriminator_;
  std::shared_ptr<const AdversarialLoss> loss_;  // null without a discriminator
};

}  // namespace dgl
