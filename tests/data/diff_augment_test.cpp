#include "dgl/data/diff_augment.h"

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

Tensor apply(const char* policy, const Tensor& images, uint64_t seed = 1) {
  return DiffAugment::parse(policy, "k")(images, make_random(torch::kCPU, seed));
}

TEST(DiffAugment, NoneChangesNothing) {
  const Tensor images = torch::randn({4, 3, 8, 8});
  EXPECT_TRUE(apply("", images).equal(images));
}

TEST(DiffAugment, TheSameSeedDrawsTheSame) {
  const Tensor images = torch::randn({4, 3, 8, 8});
  EXPECT_TRUE(apply("color,translation,cutout", images).equal(apply("color,translation,cutout", images)));
  EXPECT_FALSE(apply("color,translation,cutout", images).equal(apply("color,translation,cutout", images, 2)));
}

TEST(DiffAugment, ColorIsAnAffineMapWithinItsRange) {
  const Tensor x = torch::linspace(-1, 1, 64).view({1, 1, 8, 8}).expand({500, 1, 8, 8});
  const Tensor y = apply("color", x);
  // Gray images have no saturation: contrast about the mean, and brightness.
  const Tensor contrast = (y.flatten(1).amax(1) - y.flatten(1).amin(1)) / 2, brightness = y.mean({1, 2, 3});
  EXPECT_GE(contrast.min().item<double>(), 0.5 - 1e-5);
  EXPECT_LE(contrast.max().item<double>(), 1.5 + 1e-5);
  EXPECT_LE(brightness.abs().max().item<double>(), 0.5 + 1e-5);
  EXPECT_NEAR(contrast.mean().item<double>(), 1, 0.05);
  EXPECT_NEAR(brightness.std().item<double>(), 0.2887, 0.03);
}

TEST(DiffAugment, TranslationMovesByUpToAnEighth) {
  Tensor x = torch::zeros({400, 1, 16, 16});
  x.index_put_({torch::indexing::Slice(), 0, 8, 8}, 1);
  const Tensor y = apply("translation", x);
  EXPECT_EQ(y.sum().item<double>(), 400);
  const Tensor places = y.sum(at::IntArrayRef{0, 1}).gt(0);
  EXPECT_EQ(places.sum().item<int64_t>(), 25);
  EXPECT_EQ(places.slice(0, 6, 11).slice(1, 6, 11).sum().item<int64_t>(), 25);
}

TEST(DiffAugment, CutoutTakesASquareOfHalfTheSide) {
  const Tensor y = apply("cutout", torch::ones({400, 1, 16, 16}));
  const Tensor lost = 256 - y.sum({1, 2, 3});
  EXPECT_EQ(lost.max().item<double>(), 64);
  EXPECT_EQ(lost.min().item<double>(), 16);  // at a corner a quarter of it
}

TEST(DiffAugment, EachImageIsChangedWithAProbability) {
  const Tensor images = torch::ones({1000, 1, 16, 16});
  const auto cut = [&](double p) {
    const Tensor y = DiffAugment::parse("cutout", "k")(images, make_random(torch::kCPU, 1), p);
    return y.flatten(1).amin(1).eq(0).to(torch::kFloat).mean().item<double>();
  };
  EXPECT_EQ(cut(0), 0);
  EXPECT_NEAR(cut(0.25), 0.25, 0.05);
  EXPECT_EQ(cut(1), 1);
}

TEST(DiffAugment, GradientsOfBothOrdersFlow) {
  const Tensor x = torch::randn({3, 3, 8, 8}, torch::kDouble).set_requires_grad(true);
  const Tensor y = apply("color,translation,cutout", x);
  const Tensor first = torch::autograd::grad({y.pow(3).sum()}, {x}, {}, true, true)[0];
  const Tensor second = torch::autograd::grad({first.square().sum()}, {x})[0];
  // By finite differences, along a random direction.
  const Tensor along = torch::randn_like(x);
  const auto squares = [&](double step) {
    const Tensor moved = (x + step * along).detach().set_requires_grad(true);
    return torch::autograd::grad({apply("color,translation,cutout", moved).pow(3).sum()}, {moved})[0]
        .square()
        .sum()
        .item<double>();
  };
  const double slope = (squares(1e-6) - squares(-1e-6)) / 2e-6;
  EXPECT_NEAR((second * along).sum().item<double>(), slope, 1e-5 * std::abs(slope));
}

TEST(DiffAugment, RefusesWhatItDoesNotKnow) {
  expect_error([] { DiffAugment::parse("color,flip", "training.diff_augment"); },
               {"training.diff_augment", "color,flip"});
  expect_error([] { DiffAugment::parse(",", "k"); }, {"k"});
}

}  // namespace
}  // namespace dgl::test
