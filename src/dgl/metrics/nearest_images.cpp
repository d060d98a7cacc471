#include "dgl/metrics/nearest_images.h"

#include <algorithm>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/dataset_statistics.h"

namespace dgl {

using torch::Tensor;

Tensor with_nearest_images(const Tensor& images, const Dataset& set, FeatureNetwork& network, int64_t count,
                           torch::Device device) {
  if (set.info().count < count) {
    fail("{}: {} images, expected at least {} to choose from", set.path().string(), set.info().count, count);
  }
  const torch::NoGradGuard no_grad;
  const Tensor wanted = network.features(images.to(device)).cpu().to(torch::kDouble);
  Tensor distances = torch::zeros({images.size(0), 0}, torch::kDouble);
  Tensor places = torch::zeros({images.size(0), 0}, torch::kLong);
  int64_t first = 0;
  for_each_batch(set, kStatisticsBatch, [&](const Tensor& batch, const Tensor&, int64_t) {
    const Tensor features = network.features(batch.to(device)).cpu().to(torch::kDouble);
    distances = at::cat({distances, at::cdist(wanted, features)}, 1);
    places = at::cat({places, torch::arange(first, first + batch.size(0)).expand({images.size(0), -1})}, 1);
    first += batch.size(0);
    const auto [kept, order] = distances.topk(std::min(count, distances.size(1)), 1, /*largest=*/false);
    distances = kept;
    places = places.gather(1, order);
  });
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < images.size(0); ++i) {
    const Tensor row = places[i].contiguous();
    const std::vector<int64_t> indices(row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel());
    rows.push_back(at::cat({images.slice(0, i, i + 1).cpu(), set.images(indices)}));
  }
  return at::stack(rows);
}

}  // namespace dgl
