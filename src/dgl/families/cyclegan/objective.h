#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/families/cyclegan/cyclegan.h"
#include "dgl/families/cyclegan/image_pool.h"
#include "dgl/families/cyclegan/networks.h"
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
/// G_ba(G_ab(a)) in domain a and G_ab(G_ba(b)) in domain b, with a and b.
///
/// Every slot has an Adam of its own. The reference has one of both generators and one of both discriminators, which is
/// the same, since Adam works on each number alone.
class CycleGanObjective : public Objective {
 public:
  CycleGanObjective(const CycleGanSettings& settings, const NetworkSet& networks);

  std::vector<Phase> phases() override;
  /// What comes back of a translation stands for the image that it began with.
  Originals originals() const override { return Originals::data; }
  /// Instance norms treat each image alone; a batch norm and a pool need the whole batch.
  int64_t max_shards(int64_t batch) const override;
  std::string needs_whole_batch() const override { return settings_.pool > 0 ? "training.pool" : ""; }
  void update_statistics(const Scalars& statistics) override;
  std::map<std::string, torch::Tensor> state() const override;

 private:
  /// One of the two domains, whose number is its place in Family::domains().
  struct Domain {
    std::string name;
    std::shared_ptr<ResnetGenerator> into;         ///< makes images of this domain from the other's
    std::shared_ptr<Discriminator> discriminator;  ///< of this domain
    ImagePool pool;                                ///< of images that were made of this domain
  };
  torch::Tensor discriminators_loss(const StepInput& input, StepOutput& output) const;
  torch::Tensor generators_loss(const StepInput& input, StepOutput& output) const;

  const CycleGanSettings settings_;
  std::shared_ptr<const AdversarialLoss> adversarial_;
  std::array<Domain, 2> domains_;
};

}  // namespace dgl
