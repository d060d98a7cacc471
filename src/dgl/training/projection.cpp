#include "dgl/training/projection.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/workers.h"
#include "dgl/nn/sampling.h"
#include "dgl/nn/style_sampler.h"
#include "dgl/optim/adam.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kRateRise = 0.05, kRateFall = 0.25, kNoiseEnd = 0.75;
/// Random streams of the latents of the mean and of the noise on w.
constexpr uint64_t kMeanStream = 11, kNoiseOnStyles = 12;

StyleSampler& styles_in(Sampler& sampler) {
  StyleSampler* styles = sampler.styles();
  if (!styles) fail("images cannot be projected into a model without styles w; expected a StyleGAN2");
  return *styles;
}

/// The share of the learning rate at the share `t` of all steps.
double rate_at(double t) {
  const double fall = std::min(1.0, (1 - t) / kRateFall);
  return (0.5 - 0.5 * std::cos(fall * std::numbers::pi)) * std::min(1.0, t / kRateRise);
}

/// The share of the first noise there.
double noise_at(double t) {
  const double left = std::max(0.0, 1 - t / kNoiseEnd);
  return left * left;
}

Tensor images_of(StyleSampler& styles, const Tensor& w) {
  return styles.synthesize(w.unsqueeze(1).expand({-1, styles.num_ws(), -1}), {});
}

}  // namespace

StyleStatistics style_statistics(Sampler& sampler, const ProjectionOptions& options) {
  const torch::NoGradGuard no_grad;
  StyleSampler& styles = styles_in(sampler);
  const SampleSpec spec = sampler.spec();
  const uint64_t seed = stream_seed(options.seed, kMeanStream, 0);
  const Tensor z = draw_latents(spec, options.mean_samples, seed).to(options.device);
  Tensor labels = draw_labels(spec, options.mean_samples, seed);
  if (spec.classes > 0 && options.label >= 0) labels.fill_(options.label);
  if (labels.defined()) labels = labels.to(options.device);
  const Tensor w = styles.map(z, labels);
  const Tensor mean = w.mean(0);
  const double squares = (w - mean).square().sum().item<double>();
  return {mean, std::sqrt(squares / static_cast<double>(options.mean_samples))};
}

Projection project_images(Sampler& sampler, int64_t count, const StyleStatistics& statistics,
                          const TargetDistance& distance, const ProjectionOptions& options, int64_t first,
                          const std::function<void(int64_t step, double distance)>& on_step) {
  StyleSampler& styles = styles_in(sampler);
  torch::nn::Module searched;
  Tensor w = searched.register_parameter("w", statistics.mean.detach().unsqueeze(0).repeat({count, 1}));
  Adam adam(searched, {.lr = options.lr, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8});
  Workers workers(1);
  std::vector<at::Generator> random;
  for (int64_t i = 0; i < count; ++i) {
    random.push_back(
        make_random(torch::kCPU, stream_seed(options.seed, kNoiseOnStyles, static_cast<uint64_t>(first + i))));
  }
  for (int64_t step = 0; step < options.steps; ++step) {
    const double t = static_cast<double>(step) / static_cast<double>(options.steps);
    std::vector<Tensor> noise;
    for (const at::Generator& generator : random) noise.push_back(torch::randn({styles.w_dim()}, generator));
    const double scale = statistics.deviation * options.noise * noise_at(t);
    const Tensor distances = distance(images_of(styles, w + at::stack(noise).to(options.device) * scale));
    const double mean = distances.detach().mean().item<double>();
    if (!std::isfinite(mean)) throw DivergenceError(fmt::format("the distance diverged in step {}", step + 1));
    w.mutable_grad() = Tensor();
    distances.sum().backward();
    adam.step(workers, rate_at(t));
    if (on_step) on_step(step, mean);
  }
  const torch::NoGradGuard no_grad;
  const Tensor images = images_of(styles, w);
  return {w.detach().cpu(), images.cpu().contiguous(), distance(images).to(torch::kFloat).cpu()};
}

}  // namespace dgl
