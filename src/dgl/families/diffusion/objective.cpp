#include "dgl/families/diffusion/objective.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/guidance/guidance.h"

namespace dgl {

using torch::Tensor;

Denoising denoising_loss(Denoiser& denoiser, const Batch& real, const DrawnNoise& noise, const Dropout& dropout) {
  const Tensor sigma = noise.sigma.view({-1, 1, 1, 1});
  const Denoised made = denoiser.denoise(real.images + sigma * noise.normal, noise.sigma, real.labels, dropout);
  if (denoiser.shape().precondition == Precondition::eps) {
    return {(made.output - noise.normal).square().mean(), made.images};
  }
  constexpr double kVariance = kDataDeviation * kDataDeviation;
  const Tensor weight = (sigma.square() + kVariance) / (sigma * kDataDeviation).square();
  return {(weight * (made.images - real.images).square()).mean(), made.images};
}

DiffusionObjective::DiffusionObjective(const DiffusionFamilySettings& settings, std::shared_ptr<Denoiser> denoiser)
    : settings_(settings), denoiser_(std::move(denoiser)) {}

std::vector<Phase> DiffusionObjective::phases() {
  return {{.name = "g_main", .trains = {"denoiser"}, .loss = [this](const StepInput& in, StepOutput& out) {
             return denoiser_loss(in, out);
           }}};
}

int64_t DiffusionObjective::max_shards(int64_t batch) const { return batch; }

DrawnNoise DiffusionObjective::draw_noise(const Tensor& images, const at::Generator& random) const {
  const int64_t n = images.size(0);
  DrawnNoise drawn;
  if (denoiser_->shape().precondition == Precondition::eps) {
    const Tensor times = at::randint(kTimes, {n}, random, images.options().dtype(torch::kLong));
    drawn.sigma = torch::tensor(ddpm_noise_levels(), images.options()).index_select(0, times);
  } else {
    drawn.sigma = at::exp(at::randn({n}, random, images.options()) * settings_.sigma_std + settings_.sigma_mean);
  }
  drawn.normal = at::randn(images.sizes(), random, images.options());
  return drawn;
}

Tensor DiffusionObjective::denoiser_loss(const StepInput& input, StepOutput& output) {
  if (input.guidance && !input.guidance->empty()) {
    fail("guidance: teachers do not judge the images of a diffusion model yet; expected a lambda, pair and match of 0");
  }
  const Batch& real = input.real[0];
  const Denoising made = denoising_loss(*denoiser_, real, draw_noise(real.images, input.random),
                                        {.p = settings_.dropout, .random = input.random});
  output.losses["g_main"] = made.loss.detach();
  return made.loss;
}

}  // namespace dgl
