#include "dgl/metrics/kid.h"

#include <cmath>

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

TEST(Kid, OneSubsetByHand) {
  // One dimension, all samples in the one subset: k(x, y) = (x y + 1)^3.
  const Tensor real = torch::tensor({{0.0}, {1.0}}), fake = torch::tensor({{1.0}, {2.0}});
  // Real pairs: k(0, 1) = 1; fake pairs: k(1, 2) = 27; across: 1, 1, 8, 27, a quarter of their sum.
  const Kid kid = kernel_distance(real, fake, {1, 2});
  EXPECT_NEAR(kid.mean, 1 + 27 - 2 * (1 + 1 + 8 + 27) / 4.0, 1e-12);
  EXPECT_EQ(kid.deviation, 0);
}

TEST(Kid, IsNearZeroForOneDistributionAndSetsApartOthers) {
  torch::manual_seed(1);
  const Tensor a = torch::randn({600, 8}), b = torch::randn({600, 8}), c = torch::randn({600, 8}) + 0.5;
  const Kid same = kernel_distance(a, b, {30, 200}), other = kernel_distance(a, c, {30, 200});
  EXPECT_LT(std::abs(same.mean), 3 * same.deviation);
  EXPECT_GT(other.mean, 10 * std::abs(same.mean));
}

TEST(Kid, TheSeedDecidesTheSubsets) {
  torch::manual_seed(2);
  const Tensor a = torch::randn({50, 4}), b = torch::randn({60, 4});
  EXPECT_EQ(kernel_distance(a, b, {5, 20}).mean, kernel_distance(a, b, {5, 20}).mean);
  EXPECT_NE(kernel_distance(a, b, {5, 20}).mean, kernel_distance(a, b, {5, 20, 1}).mean);
}

TEST(Kid, Errors) {
  const Tensor a = torch::ones({20, 3});
  expect_error([&] { kernel_distance(a, a, {10, 21}); }, {"20 real and 20 fake", "21"});
  expect_error([&] { kernel_distance(a, a, {0, 10}); }, {"0 subsets"});
  expect_error([&] { kernel_distance(a, a, {10, 1}); }, {"subsets of 1"});
  expect_error([&] { kernel_distance(a, torch::ones({20, 4}), {10, 10}); }, {"3 real features against 4"});
  expect_error([&] { kernel_distance(a, a * NAN, {10, 10}); }, {"fake features", "not finite"});
}

}  // namespace
}  // namespace dgl::test
