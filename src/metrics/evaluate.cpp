#include "metrics/evaluate.h"

#include <ATen/CPUGeneratorImpl.h>

namespace dgl {

torch::Tensor draw_latents(const Generator& generator, int64_t count, uint64_t seed) {
  return torch::randn({count, generator.z_dim()}, at::detail::createCPUGenerator(seed), torch::kFloat);
}

torch::Tensor draw_labels(const Generator& generator, int64_t count, uint64_t seed) {
  if (generator.classes() == 0) return {};
  return torch::randint(generator.classes(), {count}, at::detail::createCPUGenerator(seed), torch::kLong);
}

void for_each_sample(Generator& generator, const SampleOptions& options,
                     const std::function<void(const torch::Tensor&)>& use) {
  torch::NoGradGuard no_grad;
  const torch::Tensor latents = draw_latents(generator, options.count, options.seed);
  const torch::Tensor labels = draw_labels(generator, options.count, options.seed);
  for (int64_t first = 0; first < options.count; first += options.batch) {
    const auto part = [&](const torch::Tensor& all) {
      return all.defined() ? all.slice(0, first, std::min(options.count, first + options.batch)).to(options.device) : all;
    };
    use(to_bytes(generator.sample(part(latents), part(labels), options.psi)));
  }
}

FeatureStatistics generator_statistics(Generator& generator, FeatureNetwork& features, const SampleOptions& options) {
  StatisticsAccumulator sums;
  for_each_sample(generator, options, [&](const torch::Tensor& images) { sums.add(features.features(images)); });
  return sums.finish();
}

}  // namespace dgl
