#include "dgl/metrics/sample_statistics.h"

#include "dgl/data/dataset.h"

namespace dgl {

void for_each_sample(Generator& generator, const SampleOptions& options,
                     const std::function<void(const torch::Tensor&, const torch::Tensor&)>& use) {
  const torch::Tensor labels = draw_labels(generator, options.count, options.seed, options.label_shares);
  sample_in_batches(generator, draw_latents(generator, options.count, options.seed), labels, options,
                    [&](const torch::Tensor& images, int64_t first) {
                      use(to_bytes(images), labels.defined() ? labels.slice(0, first, first + images.size(0)) : labels);
                    });
}

FeatureStatistics generator_statistics(Generator& generator, FeatureNetwork& features, const SampleOptions& options) {
  StatisticsAccumulator sums;
  for_each_sample(generator, options,
                  [&](const torch::Tensor& images, const torch::Tensor&) { sums.add(features.features(images)); });
  return sums.finish();
}

}  // namespace dgl
