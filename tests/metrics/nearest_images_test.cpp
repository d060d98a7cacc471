#include "dgl/metrics/nearest_images.h"

#include "dgl/base/error.h"
#include "dgl/metrics/classifier.h"
#include "dgl/metrics/dataset_statistics.h"
#include "drawn_set.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

TEST(NearestImages, AreThoseOfAllBatches) {
  const TemporaryFolder folder;
  const Dataset bars(make_bars(folder, "bars", 2 * kStatisticsBatch + 10));
  torch::manual_seed(3);
  ClassifierShape shape;
  shape.resolution = 16;
  shape.features = 6;
  shape.classes = 3;
  Classifier network(shape);
  std::vector<int64_t> all(static_cast<size_t>(bars.info().count));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  const Tensor images = bars.images({3, kStatisticsBatch + 1, 2 * kStatisticsBatch + 5});
  const Tensor rows = with_nearest_images(images, bars, network, 4, torch::kCPU);
  EXPECT_EQ(rows.sizes(), (std::vector<int64_t>{3, 5, 1, 16, 16}));
  const Tensor distances =
      at::cdist(network.features(images).to(torch::kDouble), network.features(bars.images(all)).to(torch::kDouble));
  const Tensor expected = std::get<0>(distances.sort(1)).slice(1, 0, 4);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(rows[i][0].equal(images[i]));
    EXPECT_TRUE(rows[i][1].equal(images[i])) << "an image of the set is nearest to itself";
    const Tensor found = at::cdist(network.features(images.slice(0, i, i + 1)).to(torch::kDouble),
                                   network.features(rows[i].slice(0, 1)).to(torch::kDouble))[0];
    EXPECT_TRUE(at::allclose(found, expected[i], 1e-4, 1e-4)) << found << expected[i];
  }
  EXPECT_THROW(with_nearest_images(images, bars, network, bars.info().count + 1, torch::kCPU), Error);
}

}  // namespace
}  // namespace dgl::test
