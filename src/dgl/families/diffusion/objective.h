#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/denoiser.h"
#include "dgl/families/diffusion/diffusion.h"
#include "dgl/families/objective.h"
#include "dgl/families/own_discriminator.h"

namespace dgl {

/// Noise on a batch of images.
struct DrawnNoise {
  torch::Tensor sigma;   ///< [N] float32, its standard deviations
  torch::Tensor normal;  ///< [N, C, R, R], normal numbers
};

/// What a denoiser makes of noisy images, and how wrong it is.
struct Denoising {
  torch::Tensor loss;    ///< a scalar
  torch::Tensor images;  ///< D(y + sigma n; sigma) with gradients, [N, C, R, R]
};

/// The loss of denoising images y with noise sigma n, the mean over all elements of
///
///     edm: (sigma^2 + sd^2) / (sigma sd)^2 |D(y + sigma n; sigma) - y|^2    (arXiv 2206.00364, eq. 2 and table 1)
///     eps: |F - n|^2, DDPM's simple loss                                   (arXiv 2006.11239, eq. 14)
Denoising denoising_loss(Denoiser& denoiser, const Batch& images, const DrawnNoise& noise, const Dropout& dropout = {});

/// EDM's weighted error, a scalar: the mean over all elements of (sigma^2 + sd^2) / (sigma sd)^2 |D - y|^2, of denoised
/// images D, clean images y [N, C, R, R] and noise levels sigma [N].
torch::Tensor edm_error(const torch::Tensor& denoised, const torch::Tensor& images, const torch::Tensor& sigma);

/// What teachers judge (guidance.judged).
constexpr const char *kSamples = "samples", *kDenoised = "denoised";

/// The objective of denoising. ln sigma is normal with the recipe's mean and deviation for `edm`; `eps` draws DDPM's
/// times uniformly.
///
/// Guidance judges samples of the student's own, drawn by renoise() in up to guidance.steps calls, the number drawn for
/// each shard, with gradients through the last call: what is judged is what is shipped (as DMD2's backward simulation,
/// Yin et al. 2024, arXiv 2405.14867, section 4.4). Or it judges the training images without their noise, those with a
/// small one, which stand for the images as they are. A discriminator of one's own judges samples.
class DiffusionObjective : public Objective {
 public:
  /// `discriminator` is null if there is none.
  DiffusionObjective(const DiffusionFamilySettings& settings, std::shared_ptr<Denoiser> denoiser,
                     std::shared_ptr<Discriminator> discriminator);

  bool own_loss_depends_on_judged() const override { return false; }
  Originals originals() const override { return judges_samples() ? Originals::none : Originals::data; }

  std::vector<Phase> phases() override;
  int64_t max_shards(int64_t batch) const override;

 private:
  /// What noise a step of training adds to images of this shape.
  DrawnNoise draw_noise(const torch::Tensor& images, const at::Generator& random) const;
  bool judges_samples() const { return settings_.judged == kSamples; }
  /// Samples for discriminators, with gradients through the last call.
  Batch draw_samples(const StepInput& input) const;
  torch::Tensor denoiser_loss(const StepInput& input, StepOutput& output);

  const DiffusionFamilySettings settings_;
  std::shared_ptr<Denoiser> denoiser_;
  const OwnDiscriminator discriminator_;
};

}  // namespace dgl
