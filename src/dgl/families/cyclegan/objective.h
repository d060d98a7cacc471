#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/families/cyclegan/cyclegan.h"
#include "dgl/families/cyclegan/generator.h"
#include "dgl/families/cyclegan/image_pool.h"
#include "dgl/families/objective.h"
#include "dgl/guidance/guided_loss.h"
#include "dgl/losses/adversarial.h"

namespace dgl {

/// What a CycleGAN minimizes (arXiv 1703.10593, eq. 3, with the identity loss of section 5.2), of images a and b of the
/// two domains, with means over all pixels and patches, c = cycle_weight and i = c * identity_weight:
///
///     d_main  1/2 [(D_b(b) - 1)^2 + D_b(pool(G_ab(a)))^2] + the same of D_a
///     g_main  (D_b(G_ab(a)) - 1)^2 + (D_a(G_ba(b)) - 1)^2 + c |G_ba(G_ab(a)) - a| + c |G_ab(G_ba(b)) - b|
///             + i |G_ab(b) - b| + i |G_ba(a) - a|
///
/// Teachers judge the translations G_ab(a) in domain b and G_ba(b) in domain a; their features compare what comes back,
/// G_ba(G_ab(a)) in domain a and G_ab(G_ba(b)) in domain b, with a and b, or else the translations with the teacher's.
/// A stage of distillation minimizes the latter alone:
///
///     g_distill  d_b(G_ab(a), T_ab(a)) + d_a(G_ba(b), T_ba(b))
///
/// with T the teacher's generators, d_b the distance in the features of its discriminator of domain b, or of pixels.
///
/// With pair_judge = p, discriminators of pairs add to these, with G_ba(a) beside a, which needs no cycle, as what is
/// real (ACL-GAN, arXiv 2003.04858, eq. 5):
///
///     d_main  1/2 [(C_a(a, G_ba(a)) - 1)^2 + C_a(a, G_ba(G_ab(a)))^2] + the same of C_b
///     g_main  p (C_a(a, G_ba(G_ab(a))) - 1)^2 + p (C_b(b, G_ab(G_ba(b))) - 1)^2
///
/// A student of which only one direction learns has no discriminator of the other's images; the other generator takes
/// part in the cycles as it is.
///
/// Every slot has an Adam of its own. The reference has one of both generators and one of both discriminators, which is
/// the same, since Adam works on each number alone.
class CycleGanObjective : public Objective {
 public:
  CycleGanObjective(const CycleGanSettings& settings, const NetworkSet& networks);

  std::vector<Phase> phases() override;
  /// What comes back of a translation stands for the image that it began with, or translations stand for the teacher's.
  Originals originals() const override {
    return settings_.pair_images == "translations" ? Originals::teacher : Originals::data;
  }
  /// Throws Error for a sampler that is no CycleGAN's, or lacks a direction that the student learns.
  void check_originals(const Sampler& teacher, const std::string& file) const override;
  /// Instance norms treat each image alone; a batch norm and a pool need the whole batch.
  int64_t max_shards(int64_t batch) const override;
  std::string needs_whole_batch() const override { return settings_.pool > 0 ? "training.pool" : ""; }
  void update_statistics(const Scalars& statistics) override;
  std::map<std::string, torch::Tensor> state() const override;

 private:
  /// One of the two domains, whose number is its place in Family::domains().
  struct Domain {
    std::string name;
    std::string direction;                         ///< whose translations are of this domain
    std::shared_ptr<TranslationGenerator> into;    ///< makes images of this domain from the other's
    std::shared_ptr<Discriminator> discriminator;  ///< of this domain; null if `into` does not learn
    std::shared_ptr<Discriminator> pairs;          ///< of pairs of this domain; null if there is none
    ImagePool pool;                                ///< of images that were made of this domain
    bool learns = true;                            ///< whether `into` is trained
  };
  Domain make_domain(const std::string& name, const std::string& direction, const NetworkSet& networks) const;
  /// The last weight of the generator that learns from what is judged in a domain.
  torch::Tensor last_weight(size_t domain) const;
  torch::Tensor discriminators_loss(const StepInput& input, StepOutput& output) const;
  /// What a domain's discriminator of pairs minimizes; `translations` are the domain's images in the other domain.
  torch::Tensor pairs_loss(size_t domain, const torch::Tensor& translations, const StepInput& input) const;
  torch::Tensor generators_loss(const StepInput& input, StepOutput& output) const;
  torch::Tensor distillation(const StepInput& input, StepOutput& output) const;
  /// The teacher's translations into a domain.
  torch::Tensor teacher_translations(size_t domain, const torch::Tensor& images,
                                     const std::shared_ptr<Sampler>& teacher) const;

  const CycleGanSettings settings_;
  std::shared_ptr<const AdversarialLoss> adversarial_;
  std::array<Domain, 2> domains_;
};

}  // namespace dgl
