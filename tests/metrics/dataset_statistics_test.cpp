#include "dgl/metrics/dataset_statistics.h"

#include "dgl/metrics/classifier.h"
#include "drawn_set.h"

namespace dgl::test {
namespace {

TEST(DatasetStatistics, AreThoseOfEveryImageOnceWhateverTheBatch) {
  const TemporaryFolder folder;
  const Dataset bars(make_bars(folder, "bars", 50));
  torch::manual_seed(7);
  ClassifierShape shape;
  shape.resolution = 16;
  shape.features = 8;
  Classifier network(shape);
  std::vector<int64_t> all(50);
  for (int64_t i = 0; i < 50; ++i) all[static_cast<size_t>(i)] = i;
  const torch::Tensor features = network.features(bars.images(all)).to(torch::kDouble);
  for (const int64_t batch : {1, 7, 50, 64}) {
    const FeatureStatistics found = dataset_statistics(bars, network, batch, torch::kCPU);
    EXPECT_EQ(found.count, 50);
    EXPECT_TRUE(at::allclose(found.mean, features.mean(0), 1e-5, 1e-6)) << batch;
    EXPECT_TRUE(at::allclose(found.covariance, at::cov(features.t()), 1e-4, 1e-7)) << batch;
  }
  expect_error([&] { dataset_statistics(bars, network, 0, torch::kCPU); }, {"bars", "batch"});
}

TEST(DatasetStatistics, ImagesOfAnotherShape) {
  const TemporaryFolder folder;
  Classifier network(ClassifierShape{});
  const Dataset bars(make_bars(folder, "bars", 20));
  expect_error([&] { dataset_statistics(bars, network, 8, torch::kCPU); }, {"1 x 32 x 32", "1 x 16 x 16"});
}

}  // namespace
}  // namespace dgl::test
