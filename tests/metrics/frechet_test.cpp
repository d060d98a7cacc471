#include "dgl/metrics/frechet.h"

#include <cmath>

#include "dgl/base/torch.h"
#include "metrics/feature_statistics.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

FeatureStatistics gaussian(const Tensor& mean, const Tensor& covariance) {
  return {mean.to(torch::kDouble), covariance.to(torch::kDouble), 100};
}

Tensor random_rotation(int64_t d) { return std::get<0>(at::linalg_qr(torch::randn({d, d}, torch::kDouble))); }

/// x = sin(0.7 i (j + 1) + j) and y = 1.5 cos(0.3 i (j + 2) - j) + 0.25 j, both [n, d].
std::pair<Tensor, Tensor> waves(int64_t n, int64_t d) {
  const Tensor i = torch::arange(n, torch::kDouble).unsqueeze(1), j = torch::arange(d, torch::kDouble).unsqueeze(0);
  return {at::sin(0.7 * i * (j + 1) + j), 1.5 * at::cos(0.3 * i * (j + 2) - j) + 0.25 * j};
}

TEST(Statistics, AreTheMeanAndTheUnbiasedCovarianceWhateverTheBatches) {
  const auto [x, y] = waves(40, 6);
  const FeatureStatistics whole = statistics(x);
  EXPECT_EQ(whole.count, 40);
  EXPECT_LT((whole.mean - x.mean(0)).abs().max().item<double>(), 1e-14);
  EXPECT_LT((whole.covariance - at::cov(x.t())).abs().max().item<double>(), 1e-14);
  // numpy: x.mean(0)[3] and np.cov(y.T)[1, 4].
  EXPECT_NEAR(whole.mean[3].item<double>(), -0.01148589227410461, 1e-14);
  EXPECT_NEAR(statistics(y).covariance[1][4].item<double>(), 0.03626337705660058, 1e-14);
  StatisticsAccumulator parts;
  for (const Tensor& part : x.split_with_sizes({1, 0, 22, 17})) parts.add(part);
  EXPECT_EQ(parts.finish().count, 40);
  EXPECT_LT((parts.finish().mean - whole.mean).abs().max().item<double>(), 1e-14);
  EXPECT_LT((parts.finish().covariance - whole.covariance).abs().max().item<double>(), 1e-14);
}

TEST(Statistics, LargeMeansLoseNoDigits) {
  const Tensor x = waves(40, 6).first;
  StatisticsAccumulator sums;
  // Sums of squares about zero would need 2 * 7 + 16 digits here.
  for (const Tensor& part : (x + 1e7).split(13)) sums.add(part);
  EXPECT_LT((sums.finish().covariance - at::cov(x.t())).abs().max().item<double>(), 1e-8);
}

TEST(Statistics, Errors) {
  StatisticsAccumulator sums;
  expect_error([&] { sums.finish(); }, {"0 samples"});
  sums.add(torch::ones({1, 3}));
  expect_error([&] { sums.finish(); }, {"1 samples", "at least 2"});
  expect_error([&] { sums.add(torch::ones({2, 4})); }, {"4 features", "expected 3"});
  expect_error([&] { sums.add(torch::ones({3})); }, {"[n, d]"});
  expect_error([&] { sums.add(torch::full({2, 3}, std::nan(""))); }, {"not finite"});
  EXPECT_THROW(frechet_distance(statistics(torch::ones({2, 3})), statistics(torch::ones({2, 4}))), Error);
}

TEST(Frechet, OneDimension) {
  // (m1 - m2)^2 + (s1 - s2)^2
  const auto a = gaussian(torch::tensor({1.0}), torch::tensor({{4.0}}));
  const auto b = gaussian(torch::tensor({-2.0}), torch::tensor({{9.0}}));
  EXPECT_NEAR(frechet_distance(a, b), 9 + 1, 1e-12);
}

TEST(Frechet, CommutingCovariances) {
  torch::manual_seed(1);
  const Tensor q = random_rotation(8), m = torch::randn({8}, torch::kDouble);
  const Tensor s = torch::rand({8}, torch::kDouble), t = torch::rand({8}, torch::kDouble);
  const auto covariance = [&](const Tensor& deviations) { return at::mm(q * deviations.square(), q.t()); };
  // The square roots commute too, so that the distance is |m1 - m2|^2 + |s1 - s2|^2.
  const double expected = (m.square().sum() + (s - t).square().sum()).item<double>();
  EXPECT_NEAR(frechet_distance(gaussian(m, covariance(s)), gaussian(m * 0, covariance(t))), expected, 1e-12);
  EXPECT_NEAR(frechet_distance(gaussian(m, at::diag(s.square())), gaussian(m * 0, at::diag(t.square()))), expected,
              1e-12);
}

TEST(Frechet, TwoByTwoThatDoNotCommute) {
  // tr M^(1/2) of a 2 x 2 matrix is sqrt(tr M + 2 sqrt(det M)); here M = S1 S2 = [[4, 2], [1, 3]].
  const auto a = gaussian(torch::zeros({2}), torch::tensor({{2.0, 0.0}, {0.0, 1.0}}));
  const auto b = gaussian(torch::zeros({2}), torch::tensor({{2.0, 1.0}, {1.0, 3.0}}));
  EXPECT_NEAR(frechet_distance(a, b), 3 + 5 - 2 * std::sqrt(4 + 3 + 2 * std::sqrt(10.0)), 1e-12);
  EXPECT_NEAR(frechet_distance(b, a), frechet_distance(a, b), 1e-12);
}

TEST(Frechet, AsNumpyComputesIt) {
  // numpy in float64: |m1 - m2|^2 + tr S1 + tr S2 - 2 sum sqrt(eigvals(S1 @ S2)), with np.cov.
  const auto [x, y] = waves(40, 6);
  EXPECT_NEAR(frechet_distance(statistics(x), statistics(y)), 4.444172869508927, 1e-12);
}

TEST(Frechet, SingularCovariances) {
  // numpy in float64, without a root of a covariance: with centered features X and Y of n samples each,
  // tr (S1 S2)^(1/2) is the sum of the singular values of X Y^T / (n - 1). Here n = 4 < d = 6.
  const auto [x, y] = waves(4, 6);
  EXPECT_NEAR(frechet_distance(statistics(x), statistics(y)), 12.86117099230369, 1e-7);
  const auto point = gaussian(torch::zeros({6}), torch::zeros({6, 6}));
  const auto spread = gaussian(torch::ones({6}), torch::eye(6) * 0.5);
  EXPECT_NEAR(frechet_distance(point, spread), 6 + 3, 1e-12);
  EXPECT_EQ(frechet_distance(point, point), 0);
}

TEST(Frechet, EqualCovariancesLeaveTheMeans) {
  torch::manual_seed(2);
  for (const int64_t samples : {2, 20, 500}) {
    auto a = statistics(torch::randn({samples, 64}, torch::kDouble) * torch::logspace(0, -3, 64, 10, torch::kDouble));
    auto b = a;
    b.mean = a.mean + 0.01;
    const double scale = a.covariance.trace().item<double>();
    EXPECT_NEAR(frechet_distance(a, a), 0, 1e-13 * scale) << samples;
    EXPECT_NEAR(frechet_distance(a, b), 64 * 1e-4, 1e-13 * scale) << samples;
  }
}

}  // namespace
}  // namespace dgl::test
