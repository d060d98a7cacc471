#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/biggan/biggan.h"
#include "dgl/families/objective.h"
#include "dgl/guidance/guided_loss.h"
#include "dgl/losses/adversarial.h"

namespace dgl {

/// BigGAN's objective (arXiv 1809.11096, as ajbrock/BigGAN-PyTorch trains it): hinge loss, several discriminator steps
/// for each of the generator, labels of fakes drawn uniformly, optionally orthogonal regularization of the generator.
/// Guidance joins the generator's phase, on the same fake batch and its labels. Every pass of a network that is not
/// frozen moves its batch statistics and power iterations on, so a batch cannot be split into shards.
class BigGanObjective : public Objective {
 public:
  BigGanObjective(const BigGanFamilySettings& settings, std::shared_ptr<BigGanGenerator> generator,
                  std::shared_ptr<BigGanDiscriminator> discriminator);

  Originals originals() const override { return Originals::teacher; }
  std::vector<Phase> phases() override;
  int64_t batches_per_step() const override { return settings_.d_steps; }
  torch::Tensor fake_label_shares(const torch::Tensor& of_data) const override {
    return settings_.fake_labels == "data" ? of_data : torch::Tensor();
  }
  bool recordable() const override { return true; }

 private:
  /// Images of fresh latents and their labels [n].
  struct Draw {
    Batch fakes;
    torch::Tensor latents;  ///< [n, z_dim] that they are made from
  };
  Draw draw(int64_t n, const StepInput& input);
  /// Images of as many fresh latents as there are real images, and the teacher's of the same.
  GuidedImages draw_images(const StepInput& input);
  torch::Tensor generator_distillation(const StepInput& input, StepOutput& output);
  torch::Tensor generator_main(const StepInput& input, StepOutput& output);
  torch::Tensor discriminator_main(const StepInput& input, StepOutput& output);

  const BigGanFamilySettings settings_;
  std::shared_ptr<BigGanGenerator> generator_;
  std::shared_ptr<BigGanDiscriminator> discriminator_;
  std::shared_ptr<const AdversarialLoss> loss_;
};

}  // namespace dgl
