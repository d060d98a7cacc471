#include "dgl/metrics/roc.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"

namespace dgl::test {
namespace {

TEST(AreaUnderRoc, IsTheShareOfPairsInOrder) {
  torch::manual_seed(1);
  // Whole numbers, so that there are ties.
  const torch::Tensor real = torch::randint(-3, 6, {37}).to(torch::kFloat), fake = torch::randint(-5, 4, {53});
  double in_order = 0;
  for (int64_t i = 0; i < 37; ++i) {
    for (int64_t j = 0; j < 53; ++j) {
      const double r = real[i].item<double>(), f = fake[j].item<double>();
      in_order += r > f ? 1 : r == f ? 0.5 : 0;
    }
  }
  EXPECT_NEAR(area_under_roc(real, fake), in_order / (37 * 53), 1e-12);
  EXPECT_NEAR(area_under_roc(fake, real), 1 - in_order / (37 * 53), 1e-12);
}

TEST(AreaUnderRoc, OfScoresThatAreApartOrEqual) {
  const torch::Tensor low = torch::tensor({-2.0f, -1.0f}), high = torch::tensor({0.0f, 5.0f, 1.0f});
  EXPECT_EQ(area_under_roc(high, low), 1);
  EXPECT_EQ(area_under_roc(low, high), 0);
  EXPECT_EQ(area_under_roc(torch::zeros({4}), torch::zeros({7})), 0.5);
}

}  // namespace
}  // namespace dgl::test
