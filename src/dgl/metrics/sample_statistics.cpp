#include "dgl/metrics/sample_statistics.h"

#include <cstdint>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"

namespace dgl {

void for_each_sample(Sampler& sampler, const DrawOptions& options,
                     const std::function<void(const torch::Tensor&, const torch::Tensor&)>& use) {
  DrawOptions drawn = options;
  drawn.random_noise = true;
  const Condition condition = draw_condition(sampler.spec(), drawn);
  const torch::Tensor& labels = condition.labels;
  sample_in_batches(sampler, condition, drawn, [&](const torch::Tensor& images, int64_t first) {
    use(to_bytes(images), labels.defined() ? labels.slice(0, first, first + images.size(0)) : labels);
  });
}

FeatureStatistics sample_statistics(Sampler& sampler, FeatureNetwork& features, const DrawOptions& options) {
  StatisticsAccumulator sums;
  for_each_sample(sampler, options,
                  [&](const torch::Tensor& images, const torch::Tensor&) { sums.add(features.features(images)); });
  return sums.finish();
}

}  // namespace dgl
