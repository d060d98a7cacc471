#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/config_key.h"
#include "dgl/families/checkpoint_format.h"
#include "dgl/families/objective.h"
#include "dgl/nn/network_set.h"
#include "dgl/nn/rational.h"

namespace dgl {

/// A file that a recipe names.
struct NamedFile {
  std::string key;              ///< recipe key of its name
  std::string* name = nullptr;  ///< as the recipe has it; "": none
  std::string* path = nullptr;  ///< where it lies, as a key of [run] keeps it
};

/// What a recipe says of networks and losses of one family. Families derive their own settings; these are common to
/// all.
struct FamilySettings {
  int64_t resolution = 32;   ///< side of the images in pixels
  int64_t img_channels = 3;  ///< 1 (gray) or 3 (RGB)
  bool conditional = false;  ///< whether the networks take labels
  int64_t classes = 0;       ///< number of labels; 0: as many as the data has

  virtual ~FamilySettings() = default;
  virtual std::unique_ptr<FamilySettings> clone() const = 0;
  /// The files that the family's keys name.
  virtual std::vector<NamedFile> files() { return {}; }

  /// Number of labels that the networks take: `classes` if they are conditional, else 0.
  int64_t labels() const { return conditional ? classes : 0; }
  ImageShape image() const { return {img_channels, resolution, resolution}; }
};

/// Widths of a student, as shares of the feature maps that the recipe's [network] gives.
struct Widths {
  Rational generator{};          ///< of networks that make images
  Rational discriminator{};      ///< of networks that judge them
  bool narrow_constant = false;  ///< whether a StyleGAN2's constant input narrows too
};

/// A network of a family: where it stands in a model, and what it is for.
struct SlotSpec {
  std::string name;
  NetworkRole role = NetworkRole::generator;
  bool averaged = false;  ///< whether an exponential moving average of it is kept
  size_t domain = 0;      ///< of a discriminator: the data domain whose images it judges
  bool pairs = false;     ///< of a discriminator: whether it judges an image and what stands for it, side by side
};

/// Weights of a teacher's terms.
struct GuidanceWeights {
  double lambda = 0.1;        ///< of its discriminator's loss
  double pair = 0;            ///< of the distance in its features
  std::string pair_weight{};  ///< what balances that (guidance.pair_weight); "": as the recipe says
};

/// A way in which a family translates images between its data domains.
struct Direction {
  std::string name;         ///< "a_to_b"
  size_t from = 0, to = 0;  ///< places in Family::domains()
};

/// A family of generative models: its networks, its losses, its keys of a recipe, its files. Everything else in the
/// program works on what this gives. A family is a folder under families/ and a line in families/registry.cpp.
class Family {
 public:
  virtual ~Family() = default;
  /// The value of a recipe's `family` and of "family" in network settings.
  virtual std::string name() const = 0;

  /// Settings with default values.
  virtual std::unique_ptr<FamilySettings> default_settings() const = 0;
  /// The recipe keys that this family reads, bound to `settings`, which are the family's own.
  virtual std::vector<ConfigKey> keys(FamilySettings& settings) const = 0;
  /// Throws Error (naming `origin` and the key) for settings that do not fit each other; completes those that follow.
  virtual void check(FamilySettings& settings, const std::string& origin) const {}
  /// True for a family that trains a feature network in place of a generative model; what follows is then not called.
  virtual bool is_feature_network() const { return false; }

  /// Names of the data domains, one batch of real images each: one for most, two for image-to-image translation.
  virtual std::vector<std::string> domains() const { return {"data"}; }
  /// The domains that the sampler's input and output images are of.
  virtual size_t input_domain() const { return 0; }
  virtual size_t output_domain() const { return 0; }
  virtual std::vector<SlotSpec> slots() const { return {}; }
  /// settings() of the network in a slot at these widths; null if these settings leave the slot empty. Throws Error if
  /// a layer would be left without channels.
  virtual nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string& slot) const;
  /// The same settings with generators that have fewer feature maps at fine resolutions alone, which cost the most time
  /// and the fewest parameters: what a budget may be kept by beside a width. Empty for a family without such a rule.
  virtual std::vector<std::unique_ptr<FamilySettings>> tapered(const FamilySettings& settings) const { return {}; }
  /// Sets the keys of [network] from which shape() makes networks as a model has them, as far as a recipe can say them:
  /// a layer may have any width, a recipe's follow a rule. Images' size and labels are not its own to set.
  virtual void describe(const NetworkSet& networks, FamilySettings& settings) const {}
  /// Builds a network from its settings(), its weights drawn from the default random generator. Throws Error, naming
  /// `origin`, for a missing key, a value out of range, or a network of more than `max_params` parameters, before
  /// anything is allocated.
  virtual std::shared_ptr<Network> make_network(const std::string& slot, const nlohmann::json& shape,
                                                const std::string& origin, int64_t max_params) const;
  /// What a network of these settings() costs, without allocating it.
  virtual Cost cost(const std::string& slot, const nlohmann::json& shape) const;
  /// Draws the weights of fresh networks, if that is not done by their constructors.
  virtual void initialize(const NetworkSet& networks, const FamilySettings& settings) const {}
  /// The objective that trains `networks`, which it shares.
  virtual std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const;
  /// The sampler of a model, from averages if it has them; null if the model lacks what is needed. Training draws its
  /// pictures and measures its distance by it.
  virtual std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const;
  /// A sampler that draws from latents alone, where sampler() takes images; else null.
  virtual std::shared_ptr<Sampler> prior_sampler(const NetworkSet& networks) const { return nullptr; }
  /// The directions in which a family translates images, the sampler's first; empty for one that does not.
  virtual std::vector<Direction> directions() const { return {}; }
  /// The sampler of a name of directions(), from averages if the model has them; null if it lacks what is needed.
  virtual std::shared_ptr<Sampler> translator(const NetworkSet& networks, const std::string& direction) const {
    return nullptr;
  }
  /// Latents [N, …] of images [N, C, H, W] in -1 … 1, by a model that encodes them, without random numbers; undefined
  /// for a family that encodes none.
  virtual torch::Tensor encode(const NetworkSet& networks, const torch::Tensor& images) const { return {}; }
  /// Figures of the family's own for a model on real images [N, C, H, W] in -1 … 1, with labels [N] or undefined: a
  /// function of these alone. docs/formats.md lists them. Null for a family without any.
  virtual nlohmann::json own_measures(const NetworkSet& networks, const torch::Tensor& images,
                                      const torch::Tensor& labels) const {
    return nullptr;
  }
  /// Whether the sampler's images stand for the images that it takes, so that they can be compared.
  virtual bool reconstructs() const { return false; }
  /// A teacher's weights where the recipe leaves them to the program and the student does not learn its images.
  virtual GuidanceWeights usual_guidance() const { return {}; }
  /// The name of the loss that the family's discriminators are trained with; "" if it has none.
  virtual std::string default_loss() const { return ""; }
  /// Throws Error (naming `origin`) for imported networks that do not belong together.
  virtual void check_networks(const NetworkSet& networks, const std::string& origin) const;
  /// Checkpoints of other programs that hold networks of this family.
  virtual std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() const { return {}; }
};

/// Adds a family. Throws Error if one of that name is registered.
void register_family(std::unique_ptr<Family> family);
/// All families, in the order of their registration.
std::vector<const Family*> families();
/// The family of a recipe that names none: the first that was registered.
std::string default_family();
/// The family called `name`. Throws Error, which names `origin` and the families that there are.
const Family& find_family(const std::string& name, const std::string& origin);
/// The family of a network's settings(). Throws Error that names `origin`.
const Family& family_of(const nlohmann::json& settings, const std::string& origin);

}  // namespace dgl
