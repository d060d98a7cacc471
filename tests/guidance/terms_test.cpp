#include <cmath>

#include "dgl/base/torch.h"
#include "dgl/guidance/matching_term.h"
#include "dgl/guidance/pair_term.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

/// Features of two layers: the images themselves, and their quarters' means, twice.
class SeesPixels : public Discriminator {
 public:
  nlohmann::json settings() const override { return {{"family", "pixels"}}; }
  Cost cost() const override { return {}; }
  void set_activations(torch::ScalarType) override {}
  int64_t resolution() const override { return 8; }
  int64_t channels() const override { return 1; }
  Judgement judge(const Tensor& images, const Tensor&, int64_t, bool features) override {
    const Tensor quarters = at::avg_pool2d(images, 4);
    Judgement judgement{quarters.flatten(1).mean(1) + weight, {}};
    if (features) judgement.features = {images, at::cat({quarters, 2 * quarters}, 1)};
    return judgement;
  }
  Tensor weight = register_parameter("weight", torch::zeros({}));
};

PairTeacher pairs(const std::string& distance, double mu) {
  return {.name = "teacher",
          .discriminator = std::make_shared<SeesPixels>(),
          .distance = distance,
          .mu = constant_schedule(mu)};
}

TEST(PairTerm, ValuesOfItsDistances) {
  const auto x = torch::randn({3, 1, 8, 8}), y = torch::randn({3, 1, 8, 8});
  const auto evaluate = [&](const std::string& distance) {
    return PairTerm(pairs(distance, 3)).evaluate({.fake = x, .original = [&] { return y; }}).loss.item<double>();
  };
  const double pixels = (x - y).abs().mean().item<double>();
  const double quarters = 1.5 * (at::avg_pool2d(x, 4) - at::avg_pool2d(y, 4)).abs().mean().item<double>();
  EXPECT_NEAR(evaluate("pixel"), 3 * pixels, 1e-5);
  EXPECT_NEAR(evaluate("l1"), 3 * (pixels + quarters) / 2, 1e-5);
  // One channel of length 1 is a sign, and (q, 2 q) is one times (1, 2) / sqrt(5): 4 where signs differ.
  const auto differ = [](const Tensor& a, const Tensor& b) {
    return 4 * (a.sign() != b.sign()).to(torch::kFloat).mean();
  };
  const double unit = (differ(x, y) + differ(at::avg_pool2d(x, 4), at::avg_pool2d(y, 4))).item<double>() / 2;
  EXPECT_NEAR(evaluate("unit"), 3 * unit, 1e-4);
  expect_error([&] { evaluate("lpips"); }, {"guidance.pair_distance", "lpips", "unit"});
}

TEST(PairTerm, ItsGradientFlowsToTheImagesAlone) {
  const auto x = torch::randn({3, 1, 8, 8}).set_requires_grad(true),
             y = torch::randn({3, 1, 8, 8}).set_requires_grad(true);
  PairTeacher teacher = pairs("l1", 1);
  const auto discriminator = teacher.discriminator;
  const PairTerm term(std::move(teacher));
  term.evaluate({.fake = x, .original = [&] { return y * 1; }}).loss.backward();
  EXPECT_GT(x.grad().abs().min().item<double>(), 0);
  EXPECT_FALSE(y.grad().defined());
  EXPECT_FALSE(discriminator->parameters()[0].requires_grad());
}

TEST(PairTerm, ImagesThatStandForNoneAreRefused) {
  const PairTerm term(pairs("unit", 1));
  expect_error([&] { term.evaluate({.fake = torch::randn({3, 1, 8, 8})}); }, {"teacher", "guidance.pair"});
  PairTeacher later = pairs("unit", 1);
  later.mu = [](double progress) { return progress; };
  EXPECT_FALSE(PairTerm(later).evaluate({.fake = torch::randn({3, 1, 8, 8})}).loss.defined());
}

MatchingTeacher matching(const std::string& distance) {
  return {.name = "teacher",
          .discriminator = std::make_shared<SeesPixels>(),
          .distance = distance,
          .weight = constant_schedule(1)};
}

double matched(const MatchingTerm& term, const Tensor& fake, const Tensor& real) {
  return term.evaluate({.fake = fake, .real = [&](bool) { return real; }}).loss.item<double>();
}

/// Vectors of the two layers.
std::vector<Tensor> vectors(const Tensor& images) {
  const Tensor mean = images.mean({1, 2, 3}).unsqueeze(1).to(torch::kDouble);
  return {mean, at::cat({mean, 2 * mean}, 1)};
}

// Pair by pair, as the definition has it.
TEST(MatchingTerm, TheDiscrepancyIsTheDefinitions) {
  torch::manual_seed(1);
  const auto fake = torch::randn({5, 1, 8, 8}) + 0.1, real = torch::randn({4, 1, 8, 8});
  double expected = 0;
  const auto f = vectors(fake), r = vectors(real);
  for (size_t layer = 0; layer < 2; ++layer) {
    // On the first batch the running moments of real images are its own.
    const Tensor mean = r[layer].mean(0), variances = r[layer].var(0, /*unbiased=*/false);
    const Tensor scale = (variances + 0.1 * variances.mean()).rsqrt();
    const Tensor x = (f[layer] - mean) * scale, y = (r[layer] - mean) * scale;
    const auto kernel = [&](const Tensor& a, const Tensor& b) {
      const double distance = (a - b).square().mean().item<double>();
      double sum = 0;
      for (const double q : {0.2, 0.5, 1.0, 2.0, 5.0}) sum += std::pow(1 + distance / (2 * q), -q) / 5;
      return sum;
    };
    const auto mean_kernel = [&](const Tensor& a, const Tensor& b, bool same) {
      double sum = 0;
      int64_t count = 0;
      for (int64_t i = 0; i < a.size(0); ++i) {
        for (int64_t j = 0; j < b.size(0); ++j) {
          if (same && i == j) continue;
          sum += kernel(a[i], b[j]);
          ++count;
        }
      }
      return sum / static_cast<double>(count);
    };
    expected += (mean_kernel(x, x, true) + mean_kernel(y, y, true) - 2 * mean_kernel(x, y, false)) / 2;
  }
  EXPECT_NEAR(matched(MatchingTerm(matching("mmd")), fake, real), expected, 1e-3 * std::abs(expected));
}

// Of Gaussians on a line, (m1 - m2)² + (s1 - s2)². The second layer's vectors (x, 2 x) lie on a line, too.
TEST(MatchingTerm, TheFrechetDistanceOfOneDimension) {
  torch::manual_seed(2);
  const auto fake = 2 * torch::randn({16, 1, 8, 8}) + 0.3, real = torch::randn({16, 1, 8, 8}) + 0.2;
  const Tensor f = vectors(fake)[0], r = vectors(real)[0];
  const auto deviation = [&](const Tensor& x) { return std::sqrt(x.var(0, false).item<double>()); };
  const double one = (std::pow((f.mean() - r.mean()).item<double>(), 2) + std::pow(deviation(f) - deviation(r), 2)) /
                     std::pow(deviation(r), 2);
  // Variances 1 and 4, of mean 2.5.
  const double of_layers = 1 / 1.1 + (1 / 1.25 + 4 / 4.25);
  const double value = matched(MatchingTerm(matching("frechet")), fake, real);
  EXPECT_GT(one, 0.1);
  EXPECT_NEAR(value, one * of_layers / 2, 0.1 * one);
}

// However unlike real images they are, the discrepancy stays bounded: training can start from there.
TEST(MatchingTerm, TheDiscrepancyIsBounded) {
  torch::manual_seed(5);
  const Tensor real = torch::randn({8, 1, 8, 8}), far = 1000 * torch::randn({8, 1, 8, 8}) + 500;
  const double value = matched(MatchingTerm(matching("mmd")), far, real);
  EXPECT_GT(value, 0.3);
  EXPECT_LT(value, 2);
}

TEST(MatchingTerm, RunningMomentsBelongToTheState) {
  for (const std::string& distance : matching_distance_names()) {
    torch::manual_seed(3);
    MatchingTerm term(matching(distance)), resumed(matching(distance));
    const auto batch = [] { return torch::randn({6, 1, 8, 8}); };
    for (int i = 0; i < 3; ++i) {
      const Tensor real = batch();
      term.update_statistics(term.evaluate({.fake = 2 * batch(), .real = [&](bool) { return real; }}).statistics);
    }
    EXPECT_EQ(term.state().at("layer0.steps").item<double>(), 3);
    const Tensor fake = batch(), real = batch();
    EXPECT_NE(matched(term, fake, real), matched(resumed, fake, real));
    for (auto [name, tensor] : resumed.state()) tensor.copy_(term.state().at(name));
    EXPECT_EQ(matched(term, fake, real), matched(resumed, fake, real));
  }
}

// Down its gradient, images come to resemble the real ones as a set.
TEST(MatchingTerm, ItsGradientDrawsTheSetTogether) {
  for (const std::string& distance : matching_distance_names()) {
    torch::manual_seed(4);
    MatchingTerm term(matching(distance));
    const Tensor real = torch::randn({64, 1, 8, 8});
    Tensor fake = 0.5 * torch::randn({64, 1, 8, 8}) + 0.5;
    const auto evaluate = [&] { return term.evaluate({.fake = fake, .real = [&](bool) { return real; }}); };
    fake.set_requires_grad(true);
    const double before = evaluate().loss.item<double>();
    for (int i = 0; i < 200; ++i) {
      const Tensor gradient = torch::autograd::grad({evaluate().loss}, {fake})[0];
      fake = (fake - 2 * gradient / gradient.norm()).detach().set_requires_grad(true);
    }
    EXPECT_LT(evaluate().loss.item<double>(), 0.1 * before) << distance;
    EXPECT_LT((fake.mean() - real.mean()).abs().item<double>(), 0.2) << distance;  // from 0.5
  }
}

}  // namespace
}  // namespace dgl::test
