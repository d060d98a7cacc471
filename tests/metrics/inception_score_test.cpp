#include "dgl/metrics/inception_score.h"

#include <cmath>

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

TEST(InceptionScore, RunsFromOneToTheNumberOfClasses) {
  const InceptionScore alike = inception_score(torch::ones({20, 5}), 1);
  EXPECT_NEAR(alike.mean, 1, 1e-12);
  // Every class as often and told with certainty.
  const InceptionScore certain = inception_score(torch::eye(5).repeat({4, 1}) * 1000, 1);
  EXPECT_NEAR(certain.mean, 5, 1e-12);
}

TEST(InceptionScore, TwoRowsByHand) {
  const double p = 0.9, q = 0.4, m = (p + q) / 2;
  const Tensor logits = torch::tensor({{std::log(p), std::log(1 - p)}, {std::log(q), std::log(1 - q)}}, torch::kDouble);
  const auto kl = [&](double a) { return a * std::log(a / m) + (1 - a) * std::log((1 - a) / (1 - m)); };
  EXPECT_NEAR(inception_score(logits, 1).mean, std::exp((kl(p) + kl(q)) / 2), 1e-12);
}

TEST(InceptionScore, DeviatesByTheNumberOfSplits) {
  torch::manual_seed(1);
  const Tensor logits = torch::randn({8, 3}, torch::kDouble);
  // Of each row alone the score is 1, so that eight splits do not deviate.
  const InceptionScore rows = inception_score(logits, 8);
  EXPECT_NEAR(rows.mean, 1, 1e-12);
  EXPECT_NEAR(rows.deviation, 0, 1e-12);
  EXPECT_GT(inception_score(logits, 2).deviation, 0);
  EXPECT_NE(inception_score(logits, 2).mean, inception_score(logits, 2, 1).mean);
}

TEST(InceptionScore, Errors) {
  expect_error([] { inception_score(torch::ones({5, 3}), 6); }, {"5 rows", "6 splits"});
  expect_error([] { inception_score(torch::ones({5, 3}), 0); }, {"0 splits"});
  expect_error([] { inception_score(torch::ones({5}), 1); }, {"[n, d]"});
  expect_error([] { inception_score(torch::full({5, 3}, NAN), 1); }, {"not finite"});
}

}  // namespace
}  // namespace dgl::test
