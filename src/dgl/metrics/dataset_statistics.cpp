#include "dgl/metrics/dataset_statistics.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

void for_each_batch(
    const Dataset& dataset, int64_t batch,
    const std::function<void(const torch::Tensor& images_u8, const torch::Tensor& labels, int64_t done)>& use) {
  if (batch < 1) fail("{}: a batch of {} images: expected at least 1", dataset.path().string(), batch);
  const int64_t count = dataset.info().count;
  for (int64_t first = 0; first < count; first += batch) {
    std::vector<int64_t> indices;
    for (int64_t i = first; i < std::min(count, first + batch); ++i) indices.push_back(i);
    use(dataset.images(indices), dataset.labeled() ? dataset.labels(indices) : torch::Tensor(),
        std::min(count, first + batch));
  }
}

FeatureStatistics dataset_statistics(const Dataset& dataset, FeatureNetwork& features, int64_t batch,
                                     torch::Device device) {
  StatisticsAccumulator sums;
  for_each_batch(dataset, batch, [&](const torch::Tensor& images, const torch::Tensor&, int64_t) {
    sums.add(features.features(images.to(device)));
  });
  return sums.finish();
}

}  // namespace dgl
