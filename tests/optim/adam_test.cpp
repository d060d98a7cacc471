#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>

#include <cmath>

#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/optim/adam.h"
#include "dgl/optim/ema.h"
#include "ops/emulated_gpu.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// Moments and averages do not depend on how many work on them.
Workers workers(2);

/// Twenty steps beside libtorch's.
void compare_with_libtorch() {
  torch::manual_seed(0);
  torch::nn::Linear a(5, 3), b(5, 3);
  {
    torch::NoGradGuard no_grad;
    b->weight.copy_(a->weight);
    b->bias.copy_(a->bias);
  }
  Adam ours(*a, {0.01, 0.3, 0.95, 1e-6});
  torch::optim::Adam theirs(b->parameters(), torch::optim::AdamOptions(0.01).betas({0.3, 0.95}).eps(1e-6));
  for (int i = 0; i < 20; ++i) {
    const auto x = torch::randn({4, 5});
    a->zero_grad();
    theirs.zero_grad();
    a->forward(x).pow(3).sum().backward();
    b->forward(x).pow(3).sum().backward();
    ours.step(workers);
    theirs.step();
  }
  EXPECT_LT((a->weight - b->weight).abs().max().item<double>(), 1e-6);
  EXPECT_LT((a->bias - b->bias).abs().max().item<double>(), 1e-6);
}

TEST(Adam, AgreesWithLibtorch) { compare_with_libtorch(); }

TEST(Adam, AgreesWithLibtorchOnAGpu) {
  DGL_SKIP_FIBERS();
  EmulatedGpu gpu;
  const ops::gpu::EmulationScope scope(gpu);
  compare_with_libtorch();
  EXPECT_EQ(gpu.seen(), std::vector<std::string>{"adam.adam"});
}

// As an Adam whose learning rate is that much lower.
TEST(Adam, AStepMayTakeAShareOfTheRate) {
  torch::nn::Linear a(5, 3), b(5, 3);
  {
    torch::NoGradGuard no_grad;
    b->weight.copy_(a->weight);
  }
  Adam one(*a, {0.01, 0.3, 0.95, 1e-6}), other(*b, {0.005, 0.3, 0.95, 1e-6});
  for (int i = 0; i < 3; ++i) {
    a->weight.mutable_grad() = torch::full_like(a->weight, i + 1);
    b->weight.mutable_grad() = torch::full_like(b->weight, i + 1);
    one.step(workers, 0.5);
    other.step(workers);
  }
  EXPECT_TRUE(a->weight.allclose(b->weight, 1e-6, 1e-8));
}

TEST(Adam, AStepMayScaleTheGradient) {
  torch::nn::Linear a(5, 3), b(5, 3);
  {
    torch::NoGradGuard no_grad;
    b->weight.copy_(a->weight);
  }
  Adam one(*a, {0.01, 0.3, 0.95, 1e-6}), other(*b, {0.01, 0.3, 0.95, 1e-6});
  for (int i = 0; i < 3; ++i) {
    const torch::Tensor gradient = torch::full_like(a->weight, 1e-5 * (i + 1));
    a->weight.mutable_grad() = gradient;
    b->weight.mutable_grad() = gradient * 0.25;
    one.step(workers, 1, 0.25);
    other.step(workers);
  }
  EXPECT_TRUE(a->weight.equal(b->weight));
}

TEST(Adam, AMissingGradientCountsAsZero) {
  torch::nn::Linear a(2, 1), b(2, 1);
  {
    torch::NoGradGuard no_grad;
    b->weight.copy_(a->weight);
    b->bias.copy_(a->bias);
  }
  Adam one(*a, {0.1, 0.5, 0.9, 1e-8}), two(*b, {0.1, 0.5, 0.9, 1e-8});
  const auto give = [](torch::nn::Linear& l, bool bias) {
    l->weight.mutable_grad() = torch::ones_like(l->weight);
    l->bias.mutable_grad() = bias ? torch::zeros_like(l->bias) : torch::Tensor();
  };
  for (int i = 0; i < 3; ++i) {
    give(a, true);
    give(b, false);
    one.step(workers);
    two.step(workers);
  }
  EXPECT_TRUE(a->bias.equal(b->bias));
  EXPECT_TRUE(a->weight.equal(b->weight));
}

TEST(Adam, LazyCorrection) {
  const AdamOptions o = AdamOptions{0.002, 0.5, 0.99, 1e-8}.corrected_for(16);
  EXPECT_DOUBLE_EQ(o.lr, 0.002 * 16 / 17);
  EXPECT_DOUBLE_EQ(o.beta1, std::pow(0.5, 16.0 / 17));
  EXPECT_DOUBLE_EQ(o.beta2, std::pow(0.99, 16.0 / 17));
}

TEST(Adam, SeesGradientsThatAreNotFinite) {
  torch::nn::Linear a(2, 1);
  Adam adam(*a, {});
  a->weight.mutable_grad() = torch::tensor({{3.0f, 4.0f}});
  EXPECT_NEAR(adam.gradient_norm(workers), 5, 1e-6);
  a->weight.mutable_grad() = torch::tensor({{1.0f, NAN}});
  EXPECT_FALSE(std::isfinite(adam.gradient_norm(workers)));
}

TEST(Ema, HalfLifeAndRamp) {
  EXPECT_NEAR(ema_beta(10, 10, 1e9, 0.05), 0.5, 1e-12);
  EXPECT_NEAR(ema_beta(10, 1000, 200, 0.05), 0.5, 1e-12);
  EXPECT_NEAR(ema_beta(10, 20, 1, 0), std::sqrt(0.5), 1e-12);
  EXPECT_EQ(ema_beta(10, 1000, 0, 0.05), 0);
}

TEST(Ema, MovesParametersAndCopiesTheMeanLatent) {
  StyleGan2Settings s;
  s.resolution = 8;
  s.channel_max = 4;
  s.z_dim = s.w_dim = 4;
  s.mapping_layers = 1;
  StyleGan2Generator g(StyleGan2GeneratorShape::make(s, {}, false)),
      average(StyleGan2GeneratorShape::make(s, {}, false));
  const auto before = average.named_parameters()["mapping.fc0.weight"].detach().clone();
  g.mapping().track_mean(torch::ones({4}));
  update_ema(g, average, 0.75, workers);
  const auto expected = 0.25 * g.named_parameters()["mapping.fc0.weight"] + 0.75 * before;
  EXPECT_LT((average.named_parameters()["mapping.fc0.weight"] - expected).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(average.mapping().mean_latent().equal(g.mapping().mean_latent()));
  EXPECT_NEAR(g.mapping().mean_latent()[0].item<double>(), 0.005, 1e-6);
}

}  // namespace
}  // namespace dgl::test
