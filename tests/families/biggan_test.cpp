#include "dgl/families/biggan/networks.h"

#include <gtest/gtest.h>

#include "dgl/base/error.h"
#include "dgl/families/model_file.h"
#include "dgl/ops/common.h"

namespace dgl {
namespace {

struct SizeRow {
  int64_t resolution;
  const char* width;
  int64_t params, discriminator_params;  // 0: not compared
  double macs;                           // in G
};

BigGanSettings published(int64_t resolution) {
  BigGanSettings s;
  s.resolution = resolution;
  if (resolution == 32) {
    s.z_dim = 128;
    s.classes = 10;
    s.attention = s.shared_dim = 0;
    s.hierarchical = false;
  }
  return s;
}

class BigGanSizes : public ::testing::TestWithParam<SizeRow> {};

// The sizes of the reference implementation (ajbrock/BigGAN-PyTorch) with 96, 48 and 24 channels, to the digit.
TEST_P(BigGanSizes, AgreeWithTheReference) {
  const SizeRow& row = GetParam();
  const Rational width = Rational::parse(row.width, "width");
  const Cost g = BigGanGeneratorShape::make(published(row.resolution), width).cost();
  const Cost d = BigGanDiscriminatorShape::make(published(row.resolution), width).cost();
  EXPECT_EQ(g.params, row.params);
  EXPECT_NEAR(static_cast<double>(g.macs) / 1e9, row.macs, 5e-4);
  if (row.discriminator_params > 0) {
    EXPECT_EQ(d.params, row.discriminator_params);
  }
}

INSTANTIATE_TEST_SUITE_P(Published, BigGanSizes,
                         ::testing::Values(SizeRow{128, "1", 70433988, 87982370, 21.122},
                                           SizeRow{128, "1/2", 18383460, 22383698, 5.417},
                                           SizeRow{128, "1/4", 5031348, 5789978, 1.423},
                                           SizeRow{32, "1", 9258243, 0, 3.777}, SizeRow{32, "1/2", 2527875, 0, 0.947},
                                           SizeRow{32, "1/4", 738627, 0, 0.238}));

BigGanSettings small() {
  BigGanSettings s;
  s.resolution = 32;
  s.img_channels = 1;
  s.z_dim = 13;  // 12: four chunks of 3
  s.classes = 5;
  s.channels = 4;
  s.attention = 16;
  s.shared_dim = 6;
  return s;
}

int64_t parameters_of(const torch::nn::Module& module) {
  int64_t sum = 0;
  for (const auto& p : module.parameters()) sum += p.numel();
  return sum;
}

TEST(BigGan, CountedParametersAreTheAllocatedOnes) {
  for (const int64_t shared : {0, 6}) {
    for (const char* width : {"1", "1/2", "3/4"}) {
      BigGanSettings s = small();
      s.shared_dim = shared;
      s.hierarchical = shared > 0;
      const auto g = BigGanGeneratorShape::make(s, Rational::parse(width, "width"));
      const auto d = BigGanDiscriminatorShape::make(s, Rational::parse(width, "width"));
      EXPECT_EQ(parameters_of(BigGanGenerator(g)), g.cost().params) << width;
      EXPECT_EQ(parameters_of(BigGanDiscriminator(d)), d.cost().params) << width;
    }
  }
}

TEST(BigGan, WidthNarrowsFeatureMapsOnly) {
  const auto shape = BigGanGeneratorShape::make(small(), {1, 2});
  EXPECT_EQ(shape.first_channels, 8);
  EXPECT_EQ(shape.channels, (std::vector<int64_t>{8, 8, 8}));
  EXPECT_EQ(shape.z_dim, 12);
  EXPECT_EQ(shape.condition_dim(), 9);
  EXPECT_THROW(BigGanGeneratorShape::make(small(), {1, 17}), Error);
  EXPECT_THROW(BigGanGeneratorShape::make(small(), {1, 4}), Error);  // 4 feature maps cannot attend
}

TEST(BigGan, SettingsThatCannotBeBuiltAreRefused) {
  const auto refused = [](const std::function<void(BigGanSettings&)>& change) {
    BigGanSettings s = small();
    change(s);
    EXPECT_THROW(BigGanGeneratorShape::make(s, {}), Error);
  };
  refused([](BigGanSettings& s) { s.resolution = 16; });
  refused([](BigGanSettings& s) { s.attention = 64; });
  refused([](BigGanSettings& s) { s.shared_dim = 0; });  // while hierarchical
  refused([](BigGanSettings& s) { s.z_dim = 3; });
}

struct Networks {
  std::shared_ptr<BigGanGenerator> g;
  std::shared_ptr<BigGanDiscriminator> d;
};

Networks networks(const std::string& init = "orthogonal") {
  torch::manual_seed(0);
  Networks n{std::make_shared<BigGanGenerator>(BigGanGeneratorShape::make(small(), {})),
             std::make_shared<BigGanDiscriminator>(BigGanDiscriminatorShape::make(small(), {}))};
  initialize_biggan(*n.g, init);
  initialize_biggan(*n.d, init);
  return n;
}

TEST(BigGan, SampleIsAPureFunctionInTrainingModeToo) {
  torch::NoGradGuard no_grad;
  const auto n = networks();
  const auto z = torch::randn({6, 12}), labels = torch::randint(5, {6}, torch::kLong);
  const auto images = n.g->sample({z, labels});
  ASSERT_EQ(images.sizes(), (std::vector<int64_t>{6, 1, 32, 32}));
  EXPECT_TRUE(images.equal(n.g->sample({z, labels})));
  EXPECT_FALSE(images.equal(n.g->sample({z, (labels + 1) % 5})));
  EXPECT_LT((n.g->sample({z, labels}, {0.5}) - n.g->sample({z * 0.5, labels})).abs().max().item<double>(), 1e-6);
  for (int64_t i = 0; i < 6; ++i) {
    const auto one = n.g->sample({z.slice(0, i, i + 1), labels.slice(0, i, i + 1)});
    EXPECT_LT((one - images.slice(0, i, i + 1)).abs().max().item<double>(), 1e-5);
  }
}

TEST(BigGan, OnlyTrainingMovesTheVectors) {
  torch::NoGradGuard no_grad;
  const auto n = networks();
  const auto x = torch::randn({4, 1, 32, 32}), labels = torch::randint(5, {4}, torch::kLong);
  n.d->eval();
  const auto before = n.d->forward(x, labels, 1);
  EXPECT_TRUE(before.equal(n.d->forward(x, labels, 1)));
  n.d->train();
  n.d->forward(x, labels, 1);
  n.d->eval();
  EXPECT_FALSE(before.equal(n.d->forward(x, labels, 1)));
}

TEST(BigGan, SpectralNormGoesToTheLargestSingularValue) {
  torch::manual_seed(0);
  const auto weight = torch::randn({6, 2, 3, 3});
  auto u = torch::randn({1, 6});
  torch::Tensor normalized;
  for (int i = 0; i < 200; ++i) normalized = spectral_normalized(weight, u, true);
  const auto values = at::linalg_svdvals(weight.view({6, -1}));
  EXPECT_LT((normalized * values[0] - weight).abs().max().item<double>(), 1e-4);
}

TEST(BigGan, StandingStatisticsAreOfFreshImages) {
  torch::NoGradGuard no_grad;
  const auto n = networks();
  const auto random = torch::randn({64, 12}), labels = torch::randint(5, {64}, torch::kLong);
  n.g->recalibrate_batch_norm(3);
  const auto standing = n.g->sample({random, labels});
  n.g->recalibrate_batch_norm(3);
  EXPECT_TRUE(standing.equal(n.g->sample({random, labels})));
  // A batch normalized by its own statistics is near the one normalized by those of many.
  const auto own = n.g->generate(random, labels, Pass::training());
  EXPECT_LT((own - standing).abs().mean().item<double>(), 0.1 * own.abs().mean().item<double>());
}

TEST(BigGan, StandingStatisticsAreOfTheLabelsThatAreDrawn) {
  torch::NoGradGuard no_grad;
  const auto n = networks();
  const auto random = torch::randn({4, 12}), labels = torch::zeros({4}, torch::kLong);
  const auto images = [&](const torch::Tensor& shares) {
    n.g->recalibrate_batch_norm(3, shares);
    return n.g->sample({random, labels});
  };
  const auto first_only = torch::tensor({1.0, 0.0, 0.0, 0.0, 0.0});
  const auto of_first = images(first_only), of_all = images({});
  n.g->named_parameters()["shared.weight"].slice(0, 1).add_(1);
  EXPECT_TRUE(images(first_only).equal(of_first));
  EXPECT_FALSE(images({}).equal(of_all));
}

TEST(BigGan, OrthogonalWeights) {
  const auto n = networks();
  const auto w = n.g->named_parameters()["blocks.0.0.conv1.weight"].view({16, -1});
  EXPECT_LT((at::mm(w, w.t()) - torch::eye(16)).abs().max().item<double>(), 1e-5);
  const auto normal = networks("normal").g->named_parameters()["blocks.0.0.conv1.weight"];
  EXPECT_NEAR(normal.std().item<double>(), 0.02, 2e-3);
  EXPECT_THROW(networks("zeros"), Error);
}

TEST(BigGan, FastPathsAgreeWithReference) {
  const auto n = networks();
  n.d->eval();
  const auto z = torch::randn({4, 12}), labels = torch::randint(5, {4}, torch::kLong);
  const auto gradient = [&] {
    n.g->zero_grad();
    n.d->forward(n.g->sample({z, labels}), labels, 1).sum().backward();
    return n.g->named_parameters()["blocks.0.0.conv1.weight"].grad().clone();
  };
  const auto fast = gradient();
  n.g->set_reference(true);
  n.d->set_reference(true);
  const auto plain = gradient();
  EXPECT_LT((fast - plain).abs().max().item<double>(), 1e-4 * plain.abs().max().item<double>());
}

// Feature maps alone are bfloat16: what enters and leaves the networks, and every gradient, is float32.
TEST(BigGan, Bfloat16IsNearFloat32) {
  const auto n = networks();
  n.d->eval();
  for (torch::nn::Module* network :
       {static_cast<torch::nn::Module*>(n.g.get()), static_cast<torch::nn::Module*>(n.d.get())}) {
    for (const auto& item : network->named_parameters()) {
      if (item.key().find("gamma") != std::string::npos) item.value().detach().fill_(0.5);  // or nothing attends
    }
  }
  const auto z = torch::randn({8, 12}), labels = torch::randint(5, {8}, torch::kLong);
  const auto results = [&](torch::ScalarType type, double momentum) {
    n.g->set_activations(type);
    n.d->set_activations(type);
    n.g->zero_grad();
    const auto images = n.g->generate(z, labels, {false, momentum}), scores = n.d->forward(images, labels, 1);
    scores.sum().backward();
    std::vector<torch::Tensor> all{images.detach(), scores.detach()};
    for (const char* name : {"shared.weight", "linear.weight", "blocks.1.1.theta.weight", "blocks.2.0.conv2.weight"}) {
      all.push_back(n.g->named_parameters()[name].grad().clone());
    }
    return all;
  };
  // Errors against float32. The plain operations round every map between them, the fast ones only what they pass on.
  // Where a processor has no AVX-512, libtorch's own convolutions also sum gradients of weights in bfloat16, so that
  // theirs may be off by more than half.
  const auto errors = [&](double momentum) {
    const auto whole = results(torch::kFloat, momentum), half = results(torch::kBFloat16, momentum);
    std::vector<double> all;
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(half[i].scalar_type(), torch::kFloat);
      EXPECT_FALSE(half[i].equal(whole[i])) << i;
      all.push_back((half[i] - whole[i]).norm().item<double>() / whole[i].norm().item<double>());
    }
    return all;
  };
  for (const double momentum : {0.0, 0.1}) {
    const auto fast = errors(momentum);
    n.g->set_reference(true);
    n.d->set_reference(true);
    const auto plain = errors(momentum);
    n.g->set_reference(false);
    n.d->set_reference(false);
    for (size_t i = 0; i < fast.size(); ++i) {
      EXPECT_LT(fast[i], 0.25) << i;
      EXPECT_LT(fast[i], 1.5 * plain[i] + 1.0 / 256) << i;
    }
  }
}

TEST(BigGan, ShapesAreReadBackFromTensors) {
  for (const int64_t resolution : {32, 64, 128, 256}) {
    for (const int64_t attention : {0, 16}) {
      for (const bool hierarchical : {false, true}) {
        BigGanSettings s = small();
        s.resolution = resolution;
        s.z_dim = 14;
        s.attention = attention;
        s.hierarchical = hierarchical;
        if (!hierarchical) s.shared_dim = attention == 0 ? 0 : 6;
        const BigGanGenerator g(BigGanGeneratorShape::make(s, {}));
        const BigGanDiscriminator d(BigGanDiscriminatorShape::make(s, {}));
        TensorFile generator, discriminator;
        put_module(generator, "", g);
        put_module(discriminator, "", d);
        EXPECT_EQ(biggan_generator_shape(generator.tensors, "g").to_json(), g.settings());
        EXPECT_EQ(biggan_discriminator_shape(discriminator.tensors, "d").to_json(), d.settings());
      }
    }
  }
}

TEST(BigGan, LabelsAreNeeded) {
  const auto n = networks();
  EXPECT_THROW(n.g->sample({torch::randn({2, 12})}), Error);
  EXPECT_THROW(n.d->forward(torch::randn({2, 1, 32, 32}), {}, 1), Error);
}

}  // namespace
}  // namespace dgl
