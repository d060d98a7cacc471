#include "dgl/nn/sampling.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/nn/style_sampler.h"
#include "dgl/ops/frozen_weights.h"

namespace dgl {

namespace {

/// Random streams of labels and of noise, apart from that of the latents.
constexpr uint64_t kLabelStream = 1, kNoiseStream = 2;

/// How many images are drawn at once: `asked`, or as DrawOptions::batch says if that is 0.
int64_t images_at_once(const ImageShape& image, int64_t asked) {
  if (asked > 0) return asked;
  constexpr int64_t kMax = 64, kPixels = kMax * 256 * 256;
  return std::clamp<int64_t>(kPixels / (image.height * image.width), 1, kMax);
}

/// Bytes as float32 in -1 … 1; other images as they are.
torch::Tensor unit_range(const torch::Tensor& images) {
  return images.defined() && images.scalar_type() == torch::kByte ? images.to(torch::kFloat).mul_(1 / 127.5).sub_(1)
                                                                  : images;
}

/// N of a condition.
int64_t count_of(const Condition& condition) {
  for (const torch::Tensor* tensor : {&condition.latents, &condition.images, &condition.labels}) {
    if (tensor->defined()) return tensor->size(0);
  }
  fail("a condition without latents, images and labels");
}

}  // namespace

void Sampler::choose_solver(const SolverChoice&, const std::string& origin) {
  fail("{}: it makes images in one step; --sampler and --steps are for a diffusion model", origin);
}

torch::Tensor draw_latents(const SampleSpec& spec, int64_t count, uint64_t seed) {
  if (spec.latent_shape.empty()) return {};
  std::vector<int64_t> sizes = spec.latent_shape;
  sizes.insert(sizes.begin(), count);
  return torch::randn(sizes, at::detail::createCPUGenerator(seed), torch::kFloat);
}

torch::Tensor draw_labels(const SampleSpec& spec, int64_t count, uint64_t seed, const torch::Tensor& shares) {
  if (spec.classes == 0) return {};
  const at::Generator random = at::detail::createCPUGenerator(stream_seed(seed, kLabelStream, 0));
  if (!shares.defined()) return torch::randint(spec.classes, {count}, random, torch::kLong);
  return at::multinomial(shares.cpu(), count, /*replacement=*/true, random);
}

Condition draw_condition(const SampleSpec& spec, const DrawOptions& options) {
  Condition condition{draw_latents(spec, options.count, options.seed),
                      draw_labels(spec, options.count, options.seed, options.label_shares),
                      {}};
  if (spec.input) {
    if (!options.inputs.defined()) fail("the model translates images; expected some to translate");
    condition.images = options.inputs.index_select(0, torch::arange(options.count) % options.inputs.size(0));
  }
  return condition;
}

torch::Tensor sample_images(Sampler& sampler, const Condition& condition, const DrawOptions& options) {
  std::vector<torch::Tensor> batches;
  sample_in_batches(sampler, condition, options,
                    [&](const torch::Tensor& images, int64_t) { batches.push_back(images.cpu().contiguous()); });
  return torch::cat(batches);
}

torch::Tensor draw_styles(Sampler& sampler, const torch::Tensor& ws, const DrawOptions& options) {
  const torch::NoGradGuard no_grad;
  const ops::FrozenWeights frozen;
  StyleSampler* styles = sampler.styles();
  if (!styles) fail("the sampler has no styles");
  std::vector<torch::Tensor> batches;
  for (const torch::Tensor& part : ws.split(images_at_once(sampler.spec().output, options.batch))) {
    batches.push_back(styles->synthesize(part.to(options.device), {}).cpu().contiguous());
  }
  return torch::cat(batches);
}

void sample_in_batches(Sampler& sampler, const Condition& condition, const DrawOptions& options,
                       const std::function<void(const torch::Tensor&, int64_t)>& use) {
  torch::NoGradGuard no_grad;
  const ops::FrozenWeights frozen;
  const int64_t count = count_of(condition), batch = images_at_once(sampler.spec().output, options.batch);
  SampleOptions how{.psi = options.psi};
  if (options.random_noise) how.noise = make_random(options.device, stream_seed(options.seed, kNoiseStream, 0));
  for (int64_t first = 0; first < count; first += batch) {
    const auto part = [&](const torch::Tensor& all) {
      return all.defined() ? all.slice(0, first, std::min(count, first + batch)).to(options.device) : all;
    };
    use(sampler.sample({part(condition.latents), part(condition.labels), unit_range(part(condition.images))}, how),
        first);
  }
}

}  // namespace dgl
