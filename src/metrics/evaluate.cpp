#include "metrics/evaluate.h"

#include <ATen/CPUGeneratorImpl.h>

namespace dgl {

torch::Tensor draw_latents(const Generator& generator, int64_t count, uint64_t seed) {
  return torch::randn({count, generator.z_dim()}, at::detail::createCPUGenerator(seed), torch::kFloat);
}

void for_each_sample(Generator& generator, const SampleOptions& options,
                     const std::function<void(const torch::Tensor&)>& use) {
  torch::NoGradGuard no_grad;
  const torch::Tensor latents = draw_latents(generator, options.count, options.seed);
  for (int64_t first = 0; first < options.count; first += options.batch) {
    const torch::Tensor z = latents.slice(0, first, std::min(options.count, first + options.batch)).to(options.device);
    use(to_bytes(generator.sample(z, torch::Tensor(), options.psi)));
  }
}

FeatureStatistics generator_statistics(Generator& generator, FeatureNetwork& features, const SampleOptions& options) {
  StatisticsAccumulator sums;
  for_each_sample(generator, options, [&](const torch::Tensor& images) { sums.add(features.features(images)); });
  return sums.finish();
}

}  // namespace dgl
