#include "dgl/metrics/linear_probe.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(LinearProbe, ReadsWhatIsLinearAndNothingElse) {
  torch::manual_seed(1);
  const auto codes = torch::randn({2000, 5});
  // One of three by the largest of three coordinates; and the sign of a product, which no linear map gives.
  const auto linear = codes.slice(1, 0, 3).argmax(1),
             product = (codes.select(1, 0) * codes.select(1, 1)).gt(0).to(torch::kLong);
  const auto accuracy = [&](const torch::Tensor& labels) {
    return linear_accuracy(codes.slice(0, 0, 1500), labels.slice(0, 0, 1500), codes.slice(0, 1500),
                           labels.slice(0, 1500));
  };
  EXPECT_GT(accuracy(linear), 0.95);
  EXPECT_LT(accuracy(product), 0.6);
  // Neither shift nor scale of a coordinate matters.
  const auto other = codes * torch::tensor({1e-3, 5.0, 1.0, 200.0, 1.0}) + 7;
  EXPECT_NEAR(
      linear_accuracy(other.slice(0, 0, 1500), linear.slice(0, 0, 1500), other.slice(0, 1500), linear.slice(0, 1500)),
      accuracy(linear), 2e-3);
}

TEST(LinearProbe, BadInput) {
  const auto codes = torch::randn({4, 2}), labels = torch::zeros({3}, torch::kLong);
  expect_error([&] { linear_accuracy(codes, labels, codes, labels); }, {"linear accuracy", "4", "3"});
}

}  // namespace
}  // namespace dgl::test
