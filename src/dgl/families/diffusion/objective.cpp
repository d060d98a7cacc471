#include "dgl/families/diffusion/objective.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/guidance/guided_loss.h"

namespace dgl {

using torch::Tensor;

Denoising denoising_loss(Denoiser& denoiser, const Batch& real, const DrawnNoise& noise, const Dropout& dropout) {
  const Tensor sigma = noise.sigma.view({-1, 1, 1, 1});
  const Denoised made = denoiser.denoise(real.images + sigma * noise.normal, noise.sigma, real.labels, dropout);
  if (denoiser.shape().precondition == Precondition::eps) {
    return {(made.output - noise.normal).square().mean(), made.images};
  }
  return {edm_error(made.images, real.images, noise.sigma), made.images};
}

Tensor edm_error(const Tensor& denoised, const Tensor& images, const Tensor& sigmas) {
  constexpr double kVariance = kDataDeviation * kDataDeviation;
  const Tensor sigma = sigmas.view({-1, 1, 1, 1});
  const Tensor weight = (sigma.square() + kVariance) / (sigma * kDataDeviation).square();
  return (weight * (denoised - images).square()).mean();
}

DiffusionObjective::DiffusionObjective(const DiffusionFamilySettings& settings, std::shared_ptr<Denoiser> denoiser,
                                       std::shared_ptr<Discriminator> discriminator)
    : settings_(settings),
      denoiser_(std::move(denoiser)),
      discriminator_(settings.discriminator, std::move(discriminator)) {}

std::vector<Phase> DiffusionObjective::phases() {
  std::vector<Phase> phases = discriminator_.phases([this](const StepInput& input) { return draw_samples(input); });
  if (settings_.part == kDiscriminatorAlone) return phases;
  for (const bool guidance : {false, true}) {
    phases.push_back({.name = guidance ? "g_guidance" : "g_main",
                      .trains = {"denoiser"},
                      .loss = [this](const StepInput& in, StepOutput& out) { return denoiser_loss(in, out); },
                      .guidance = guidance});
  }
  return phases;
}

int64_t DiffusionObjective::max_shards(int64_t batch) const {
  return discriminator_.max_shards(most_judged_shards(batch));
}

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

Batch DiffusionObjective::draw_samples(const StepInput& input) const {
  const Tensor& real = input.real[0].images;
  const DenoiserShape& shape = denoiser_->shape();
  const int64_t n =
      judged_images(std::llround(settings_.judged_share * static_cast<double>(real.size(0))), real.size(0));
  const auto options = real.options();
  std::vector<double> levels = noise_levels({"renoise", settings_.judged_steps, "karras"}, shape.precondition);
  const at::Generator host = input.host_random(/*stream=*/0);
  const Tensor calls = at::randint(1, settings_.judged_steps + 1, {1}, host, torch::kLong);
  levels.resize(static_cast<size_t>(calls.item<int64_t>()));
  Batch samples;
  if (shape.classes > 0) {
    samples.labels = input.label_shares.defined()
                         ? at::multinomial(input.label_shares, n, /*replacement=*/true, input.random)
                         : at::randint(shape.classes, {n}, input.random, options.dtype(torch::kLong));
  }
  const auto noise = [&](int64_t) {
    return at::randn({n, shape.img_channels, shape.resolution, shape.resolution}, input.random, options);
  };
  samples.images = renoise(*denoiser_, levels, noise(0), samples.labels, noise);
  return samples;
}

Tensor DiffusionObjective::denoiser_loss(const StepInput& input, StepOutput& output) {
  const Batch& real = input.real[0];
  const DrawnNoise noise = draw_noise(real.images, input.random);
  const Denoising made = denoising_loss(*denoiser_, real, noise, {.p = settings_.dropout, .random = input.random});
  output.losses["g_main"] = made.loss.detach();
  Tensor total = made.loss;
  const bool guided = input.guidance && input.guidance_scale != 0;
  Batch samples;
  if (discriminator_.plays(input) || (guided && judges_samples())) samples = draw_samples(input);
  if (discriminator_.plays(input)) {
    total =
        total + discriminator_.term(samples.images, samples.labels, made.loss, denoiser_->last_weight(), input, output);
  }
  if (!guided) return total;
  GuidedImages judged{.images = samples.images, .labels = samples.labels, .last_weight = denoiser_->last_weight()};
  if (!judges_samples()) {
    const Tensor small = at::nonzero(noise.sigma <= settings_.judged_sigma).flatten();
    const int64_t n = judged_images(small.size(0), small.size(0));
    if (n == 0) return input.guidance_alone ? total * 0 : total;
    const Tensor chosen = small.slice(0, 0, n);
    judged.images = made.images.index_select(0, chosen);
    if (real.labels.defined()) judged.labels = real.labels.index_select(0, chosen);
    judged.original = [images = real.images.index_select(0, chosen)] { return images; };
  }
  return add_guidance(total, judged, input, output);
}

}  // namespace dgl
