#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/objective.h"
#include "dgl/families/stylegan2/stylegan2.h"
#include "dgl/guidance/guided_loss.h"
#include "dgl/losses/adversarial.h"

namespace dgl {

/// StyleGAN2's objective (arXiv 1912.04958): non-saturating logistic loss, lazy R1 on real images, lazy path-length
/// regularization, style mixing. Guidance joins the generator's main phase, on the same fake batch.
class StyleGan2Objective : public Objective {
 public:
  StyleGan2Objective(const StyleGan2FamilySettings& settings, std::shared_ptr<StyleGan2Generator> generator,
                     std::shared_ptr<StyleGan2Discriminator> discriminator);

  Originals originals() const override { return Originals::teacher; }
  std::vector<Phase> phases() override;
  /// Shards of whole groups of the discriminator's minibatch statistics, and of whole images for path lengths.
  int64_t max_shards(int64_t batch) const override;
  void update_statistics(const Scalars& statistics) override;
  bool recordable() const override { return true; }
  std::map<std::string, torch::Tensor> state() const override { return {{"pl_mean", pl_mean_}}; }

 private:
  /// What n images are made from.
  struct Draw {
    torch::Tensor styles;  ///< [n, num_ws, w_dim] of fresh latents, mixed from two with the recipe's probability
    torch::Tensor labels;  ///< [n], each as often as among the real images; undefined without labels
    std::vector<torch::Tensor> latents;  ///< one or two of [n, z_dim]
    torch::Tensor cut;  ///< [], from this layer on, the styles are the second latent's; undefined with one latent
  };
  Draw draw(int64_t n, const StepInput& input, StepOutput& output);
  /// Styles [n, num_ws, w_dim] of one w [n, w_dim], or of two: the second from layer `cut` on.
  torch::Tensor mix_styles(const std::vector<torch::Tensor>& styles, const torch::Tensor& cut) const;
  /// The images of the teacher's generator for the same latents and noise.
  torch::Tensor teacher_images(const Draw& drawn, at::Generator noise, const std::shared_ptr<Sampler>& sampler) const;
  /// Images of as many fresh latents as there are real images, and the teacher's of the same.
  GuidedImages draw_images(const StepInput& input, StepOutput& output);
  torch::Tensor generator_distillation(const StepInput& input, StepOutput& output);
  torch::Tensor generator_main(const StepInput& input, StepOutput& output);
  torch::Tensor generator_path_length(const StepInput& input, StepOutput& output);
  torch::Tensor discriminator_main(const StepInput& input, StepOutput& output);
  torch::Tensor discriminator_r1(const StepInput& input, StepOutput& output);

  const StyleGan2FamilySettings settings_;
  std::shared_ptr<StyleGan2Generator> generator_;
  std::shared_ptr<StyleGan2Discriminator> discriminator_;
  std::shared_ptr<const AdversarialLoss> loss_;
  torch::Tensor pl_mean_;
};

}  // namespace dgl
