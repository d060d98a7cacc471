#include "metrics/dataset_statistics.h"

#include "base/error.h"

namespace dgl {

FeatureStatistics dataset_statistics(const Dataset& dataset, FeatureNetwork& features, int64_t batch,
                                     torch::Device device) {
  if (batch < 1) fail("{}: a batch of {} images: expected at least 1", dataset.path().string(), batch);
  StatisticsAccumulator sums;
  const int64_t count = dataset.info().count;
  for (int64_t first = 0; first < count; first += batch) {
    std::vector<int64_t> indices;
    for (int64_t i = first; i < std::min(count, first + batch); ++i) indices.push_back(i);
    sums.add(features.features(dataset.images(indices).to(device)));
  }
  return sums.finish();
}

}  // namespace dgl
