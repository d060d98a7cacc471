#include "dgl/nn/sampling.h"

#include <ATen/CPUGeneratorImpl.h>

#include "dgl/base/runtime.h"
#include "dgl/ops/frozen_weights.h"

namespace dgl {

namespace {

constexpr uint64_t kLabels = 1;  // the stream of labels, apart from that of the latents

/// How many images are drawn at once: `asked`, or, where that is 0, as SampleOptions::batch says.
int64_t images_at_once(const Generator& generator, int64_t asked) {
  if (asked > 0) return asked;
  constexpr int64_t kMost = 64, kPixels = kMost * 256 * 256;
  return std::clamp<int64_t>(kPixels / (generator.resolution() * generator.resolution()), 1, kMost);
}

}  // namespace

void sample_in_batches(Generator& generator, const torch::Tensor& z, const torch::Tensor& labels,
                       const SampleOptions& options, const std::function<void(const torch::Tensor&, int64_t)>& use) {
  torch::NoGradGuard no_grad;
  const ops::FrozenWeights frozen;
  const int64_t count = z.size(0), batch = images_at_once(generator, options.batch);
  for (int64_t first = 0; first < count; first += batch) {
    const auto part = [&](const torch::Tensor& all) {
      return all.defined() ? all.slice(0, first, std::min(count, first + batch)).to(options.device) : all;
    };
    use(generator.sample(part(z), part(labels), options.psi), first);
  }
}

torch::Tensor draw_latents(const Generator& generator, int64_t count, uint64_t seed) {
  return torch::randn({count, generator.z_dim()}, at::detail::createCPUGenerator(seed), torch::kFloat);
}

torch::Tensor draw_labels(const Generator& generator, int64_t count, uint64_t seed, const torch::Tensor& shares) {
  if (generator.classes() == 0) return {};
  const at::Generator random = at::detail::createCPUGenerator(stream_seed(seed, kLabels, 0));
  if (!shares.defined()) return torch::randint(generator.classes(), {count}, random, torch::kLong);
  return at::multinomial(shares.cpu(), count, /*replacement=*/true, random);
}

torch::Tensor sample_images(Generator& generator, const torch::Tensor& z, const torch::Tensor& labels,
                            const SampleOptions& options) {
  std::vector<torch::Tensor> batches;
  sample_in_batches(generator, z, labels, options,
                    [&](const torch::Tensor& images, int64_t) { batches.push_back(images.cpu().contiguous()); });
  return torch::cat(batches);
}

}  // namespace dgl
