#include "dgl/families/stylegan2/networks.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/stylegan2/stylegan2.h"
#include "dgl/ops/common.h"

namespace dgl {
namespace {

struct SizeRow {
  int64_t resolution;
  const char* width;
  int64_t params_divided, params_constant, discriminator_params;
  double macs_divided, macs_constant, discriminator_macs;  // in G
};

class Sizes : public ::testing::TestWithParam<SizeRow> {};

// The sizes of the reference implementation (rosinality/stylegan2-pytorch), to the digit.
TEST_P(Sizes, AgreeWithTheReference) {
  const SizeRow& row = GetParam();
  StyleGan2Settings s;
  s.resolution = row.resolution;
  s.channel_base = 32768;
  s.channel_max = s.z_dim = s.w_dim = 512;
  s.mapping_layers = 8;
  const Rational width = Rational::parse(row.width, "width");
  const Cost divided = StyleGan2GeneratorShape::make(s, width, true).cost();
  const Cost constant = StyleGan2GeneratorShape::make(s, width, false).cost();
  const Cost critic = StyleGan2DiscriminatorShape::make(s, width).cost();
  EXPECT_EQ(divided.params, row.params_divided);
  EXPECT_EQ(constant.params, row.params_constant);
  EXPECT_EQ(critic.params, row.discriminator_params);
  EXPECT_NEAR(static_cast<double>(divided.macs) / 1e9, row.macs_divided, 5e-4);
  EXPECT_NEAR(static_cast<double>(constant.macs) / 1e9, row.macs_constant, 5e-4);
  EXPECT_NEAR(static_cast<double>(critic.macs) / 1e9, row.discriminator_macs, 5e-4);
}

INSTANTIATE_TEST_SUITE_P(Published, Sizes,
                         ::testing::Values(SizeRow{1024, "1", 30370060, 30370060, 29012513, 74.267, 74.267, 76.672},
                                           SizeRow{1024, "1/2", 10339740, 11064988, 7256081, 18.619, 18.628, 19.193},
                                           SizeRow{1024, "1/4", 4746532, 5392036, 1815497, 4.681, 4.689, 4.811},
                                           SizeRow{256, "1", 30034338, 30034338, 28864129, 45.125, 45.125, 46.532},
                                           SizeRow{256, "1/2", 10206434, 10931682, 7219009, 11.295, 11.305, 11.639},
                                           SizeRow{256, "1/4", 4688514, 5334018, 1806241, 2.832, 2.839, 2.913}));

StyleGan2Settings small() {
  StyleGan2Settings s;
  s.resolution = 16;
  s.img_channels = 1;
  s.channel_base = 128;
  s.channel_max = 12;
  s.z_dim = 5;
  s.w_dim = 7;
  s.mapping_layers = 2;
  return s;
}

TEST(StyleGan2Shape, AGeneratorOfItsOwnBaseIsNarrowerAtFineResolutionsAlone) {
  StyleGan2Settings s = small();  // 12, 12 and 8 feature maps at 4 x 4, 8 x 8 and 16 x 16
  const auto discriminator = StyleGan2DiscriminatorShape::make(s, {}).to_json();
  s.generator_base = 64;
  const auto shape = StyleGan2GeneratorShape::make(s, {}, false);
  EXPECT_EQ(shape.channels, (std::map<int64_t, int64_t>{{4, 12}, {8, 8}, {16, 4}}));
  EXPECT_EQ(shape.const_channels, 12);
  EXPECT_EQ(StyleGan2DiscriminatorShape::make(s, {}).to_json(), discriminator);
  s.generator_base = 4096;  // no wider than the recipe's
  EXPECT_EQ(StyleGan2GeneratorShape::make(s, {}, false).channels.at(16), 8);
}

TEST(StyleGan2Shape, BudgetsTryTaperedGenerators) {
  const StyleGan2Family family;
  StyleGan2FamilySettings settings;
  settings.resolution = 32;
  settings.network.channel_base = 1 << 14;
  settings.network.channel_max = 64;
  std::vector<int64_t> finest;
  int64_t coarsest = 0;
  for (const auto& tapered : family.tapered(settings)) {
    const auto channels = family.shape(*tapered, {}, "generator")["channels"];
    finest.push_back(channels["32"]);
    coarsest = channels["4"];
  }
  EXPECT_EQ(finest, (std::vector<int64_t>{32}));
  EXPECT_EQ(coarsest, 64);
}

int64_t parameters_of(const torch::nn::Module& module) {
  int64_t sum = 0;
  for (const auto& p : module.parameters()) sum += p.numel();
  return sum;
}

TEST(StyleGan2, CountedParametersAreTheAllocatedOnes) {
  for (const char* width : {"1", "1/2", "3/4"}) {
    const auto g = StyleGan2GeneratorShape::make(small(), Rational::parse(width, "width"), false);
    const auto d = StyleGan2DiscriminatorShape::make(small(), Rational::parse(width, "width"));
    EXPECT_EQ(parameters_of(StyleGan2Generator(g)), g.cost().params) << width;
    EXPECT_EQ(parameters_of(StyleGan2Discriminator(d)), d.cost().params) << width;
  }
}

TEST(StyleGan2, WidthNarrowsFeatureMapsOnly) {
  const auto shape = StyleGan2GeneratorShape::make(small(), {1, 2}, false);
  EXPECT_EQ(shape.channels.at(4), 6);
  EXPECT_EQ(shape.channels.at(16), 4);
  EXPECT_EQ(shape.const_channels, 12);
  EXPECT_EQ(shape.mapping.w_dim(), 7);
  EXPECT_EQ(StyleGan2GeneratorShape::make(small(), {1, 2}, true).const_channels, 6);
  EXPECT_THROW(StyleGan2GeneratorShape::make(small(), {1, 9}, false), Error);
}

TEST(StyleGan2, SampleIsAPureFunctionAndTruncationIsLinearInTheStyles) {
  torch::manual_seed(0);
  torch::NoGradGuard no_grad;
  StyleGan2Generator g(StyleGan2GeneratorShape::make(small(), {}, false));
  const auto z = torch::randn({6, 5});
  const auto images = g.sample({z});
  ASSERT_EQ(images.sizes(), (std::vector<int64_t>{6, 1, 16, 16}));
  EXPECT_TRUE(images.equal(g.sample({z})));
  // Fully truncated, every latent gives the same image.
  const auto mean = g.sample({z}, {0});
  EXPECT_LT((mean - mean[0]).abs().max().item<double>(), 1e-5);
  EXPECT_GT((images - mean).abs().max().item<double>(), 1e-3);
}

TEST(StyleGan2, BatchedImagesEqualSingleOnes) {
  torch::manual_seed(0);
  torch::NoGradGuard no_grad;
  StyleGan2Generator g(StyleGan2GeneratorShape::make(small(), {}, false));
  const auto z = torch::randn({3, 5});
  const auto all = g.sample({z}, {0.7});
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_LT((g.sample({z.slice(0, i, i + 1)}, {0.7}) - all.slice(0, i, i + 1)).abs().max().item<double>(), 1e-4);
  }
}

TEST(StyleGan2, FastPathsAgreeWithReference) {
  torch::manual_seed(0);
  StyleGan2Generator g(StyleGan2GeneratorShape::make(small(), {}, false));
  StyleGan2Discriminator d(StyleGan2DiscriminatorShape::make(small(), {}));
  const auto z = torch::randn({4, 5});
  const auto scores = [&] { return d.forward(g.sample({z}), {}, 1); };
  const auto fast = scores();
  g.set_reference(true);
  d.set_reference(true);
  const auto plain = scores();
  EXPECT_LT((fast - plain).abs().max().item<double>(), 1e-4 * plain.abs().max().item<double>());
}

TEST(StyleGan2, JudgeGivesTheFeaturesOfEachBlock) {
  torch::manual_seed(0);
  StyleGan2Discriminator d(StyleGan2DiscriminatorShape::make(small(), {}));
  const auto images = torch::randn({2, d.channels(), d.resolution(), d.resolution()}).set_requires_grad(true);
  const Judgement judgement = d.judge(images, {}, 1, /*features=*/true);
  EXPECT_TRUE(judgement.scores.equal(d.forward(images, {})));
  ASSERT_FALSE(judgement.features.empty());
  EXPECT_EQ(judgement.features.front().size(2), d.resolution() / 2);
  EXPECT_EQ(judgement.features.back().size(2), 4);
  judgement.features[0].sum().backward();
  EXPECT_GT(images.grad().abs().max().item<double>(), 0);
  EXPECT_TRUE(d.judge(images, {}, 1, /*features=*/false).features.empty());
}

TEST(StyleGan2, PartsAreScoredAsIfAlone) {
  torch::manual_seed(0);
  torch::NoGradGuard no_grad;
  StyleGan2Discriminator d(StyleGan2DiscriminatorShape::make(small(), {}));
  const auto a = torch::randn({8, 1, 16, 16}), b = torch::randn({8, 1, 16, 16});
  const auto both = d.forward(at::cat({a, b}), {}, 2);
  EXPECT_LT((both.slice(0, 0, 8) - d.forward(a, {}, 1)).abs().max().item<double>(), 1e-5);
  EXPECT_LT((both.slice(0, 8) - d.forward(b, {}, 1)).abs().max().item<double>(), 1e-5);
}

TEST(StyleGan2, MinibatchStdByHand) {
  // Groups {0, 2} and {1, 3}: standard deviations 1 and 3 everywhere.
  const auto x = torch::tensor({0.0, 1.0, 2.0, 7.0}).view({4, 1, 1, 1});
  const auto y = minibatch_std(x, 2);
  ASSERT_EQ(y.size(1), 2);
  const std::vector<double> expected{1, 3, 1, 3};
  for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(y[i][1][0][0].item<double>(), expected[static_cast<size_t>(i)], 1e-6);
  // Five images do not fall into groups of four: one group of five would be larger than asked, so groups of one.
  EXPECT_EQ(minibatch_std(torch::randn({5, 1, 2, 2}), 4).size(1), 2);
}

TEST(Rational, Parses) {
  EXPECT_EQ(Rational::parse("3/8", "k").of(64), 24);
  EXPECT_EQ(Rational::parse("1", "k").text(), "1");
  for (const char* bad : {"", "0", "2", "1/0", "3/2", "-1/2", "0.5", "1/2x", "99999/99999"}) {
    EXPECT_THROW(Rational::parse(bad, "k"), Error) << bad;
  }
}

}  // namespace
}  // namespace dgl
