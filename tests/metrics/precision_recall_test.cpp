#include "dgl/metrics/precision_recall.h"

#include <cmath>

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

TEST(PrecisionRecall, OnALineByHand) {
  // k = 1: radii of the real points 1, 1, 1 (0, 1, 2), of the fake ones 3, 3, 6 (1.5, 4.5, 10.5).
  const Tensor real = torch::tensor({{0.0}, {1.0}, {2.0}}), fake = torch::tensor({{1.5}, {4.5}, {10.5}});
  const PrecisionRecall found = precision_recall(real, fake, 1);
  EXPECT_NEAR(found.precision, 1 / 3.0, 1e-12);
  EXPECT_NEAR(found.recall, 1, 1e-12);
}

TEST(PrecisionRecall, ADistanceOfTheRadiusIsInside) {
  const Tensor real = torch::tensor({{0.0}, {1.0}}), fake = torch::tensor({{2.0}, {-1.0}});
  EXPECT_EQ(precision_recall(real, fake, 1).precision, 1);
  EXPECT_EQ(precision_recall(real, fake + torch::tensor({{0.001}, {-0.001}}), 1).precision, 0);
}

TEST(PrecisionRecall, ASetCoversItselfAndFarOnesDoNotMeet) {
  torch::manual_seed(1);
  const Tensor a = torch::randn({200, 8}) + 1000;
  EXPECT_EQ(precision_recall(a, a).precision, 1);
  EXPECT_EQ(precision_recall(a, a).recall, 1);
  EXPECT_EQ(precision_recall(a, a + 100).precision, 0);
  EXPECT_EQ(precision_recall(a, a + 100).recall, 0);
}

TEST(PrecisionRecall, BlocksOfDistancesComeToTheWhole) {
  torch::manual_seed(2);
  const Tensor real = torch::randn({1100, 4}, torch::kDouble),
               fake = torch::randn({1000, 4}, torch::kDouble) * 0.8 + 0.3;
  const auto share = [](const Tensor& points, const Tensor& centers) {
    const Tensor radii = std::get<0>(at::cdist(centers, centers).kthvalue(4, 1));
    return at::cdist(points, centers).le(radii).any(1).to(torch::kDouble).mean().item<double>();
  };
  const PrecisionRecall found = precision_recall(real, fake);
  EXPECT_NEAR(found.precision, share(fake, real), 1e-3);
  EXPECT_NEAR(found.recall, share(real, fake), 1e-3);
  EXPECT_GT(found.precision, found.recall + 0.02);
}

TEST(DensityCoverage, CountsBallsAndCoveredSamples) {
  // Balls of radius 1 about 0, 1 and 2, and of 8 about 10; a distance of the radius is outside.
  const Tensor real = torch::tensor({{0.0}, {1.0}, {2.0}, {10.0}});
  const auto found = [&](const Tensor& fake) { return density_coverage(real, fake, 1); };
  EXPECT_NEAR(found(torch::tensor({{0.5}, {9.0}})).density, (2 + 1) / 2.0, 1e-12);
  EXPECT_EQ(found(torch::tensor({{0.5}, {9.0}})).coverage, 0.75);
  EXPECT_EQ(found(torch::tensor({{-1.0}, {-1.0}})).density, 0);
  EXPECT_EQ(found(torch::tensor({{-1.0}, {30.0}})).coverage, 0);
  torch::manual_seed(1);
  const Tensor a = torch::randn({200, 8}) + 1000;
  EXPECT_EQ(density_coverage(a, a).coverage, 1);
  EXPECT_EQ(density_coverage(a, a + 100).density, 0);
  expect_error([&] { density_coverage(a, a.slice(0, 0, 5)); },
               {"density and coverage", "200 real and 5 fake", "k = 5"});
}

TEST(PrecisionRecall, Errors) {
  const Tensor a = torch::ones({4, 3});
  expect_error([&] { precision_recall(a, torch::ones({3, 3}), 3); }, {"4 real and 3 fake", "k = 3"});
  expect_error([&] { precision_recall(a, a, 0); }, {"k = 0"});
  expect_error([&] { precision_recall(a, torch::ones({4, 2}), 3); }, {"3 real features against 2"});
  expect_error([&] { precision_recall(a * NAN, a, 3); }, {"real features", "not finite"});
}

}  // namespace
}  // namespace dgl::test
