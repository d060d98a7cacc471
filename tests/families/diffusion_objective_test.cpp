#include "dgl/families/diffusion/objective.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/diffusion.h"
#include "dgl/families/diffusion/samplers.h"
#include "families/denoisers.h"
#include "families/difference.h"

namespace dgl::test {
namespace {

using torch::Tensor;

// Steps on one image bring the loss well below that of a fresh network, and what is drawn near it.
TEST(DiffusionObjective, LearnsToDenoise) {
  const auto network = made_denoiser();
  DiffusionFamilySettings settings;
  DiffusionObjective objective(settings, network, nullptr);
  const auto phases = objective.phases();
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0].trains, std::vector<std::string>{"denoiser"});
  EXPECT_TRUE(phases[1].guidance);
  set_requires_grad(*network, true);
  std::vector<Tensor> moments;
  for (const Tensor& p : network->parameters()) moments.push_back(torch::zeros_like(p));
  const Tensor images = torch::full({8, 1, 8, 8}, 0.5f);
  double first = 0, last = 0;
  for (uint64_t step = 0; step < 150; ++step) {
    StepInput input;
    input.real = {{images, {}}};
    input.random = at::detail::createCPUGenerator(step);
    StepOutput output;
    const Tensor loss = phases[0].loss(input, output);
    EXPECT_TRUE(output.losses.at("g_main").equal(loss.detach()));
    (step < 20 ? first : last) += step < 20 || step >= 130 ? loss.item<double>() : 0;
    const auto gradients = torch::autograd::grad({loss}, network->parameters());
    const torch::NoGradGuard no_grad;
    auto parameters = network->parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
      moments[i] = 0.95 * moments[i] + 0.05 * gradients[i].square();
      parameters[i] -= 0.003 * gradients[i] / (moments[i].sqrt() + 1e-6);
    }
  }
  EXPECT_LT(last, first / 4);
  const torch::NoGradGuard no_grad;
  DiffusionSampler sampler(network);
  sampler.choose_solver({"heun", 6}, "m");
  const Tensor drawn = sampler.sample({torch::randn({8, 1, 8, 8}, at::detail::createCPUGenerator(1)), {}, {}});
  EXPECT_LT((drawn - 0.5).abs().mean().item<double>(), 0.2);
}

// The same random numbers give the same loss; eps draws DDPM's times, edm the recipe's levels.
TEST(DiffusionObjective, DrawsNoiseByItsRecipe) {
  const torch::NoGradGuard no_grad;
  DiffusionFamilySettings settings;
  settings.sigma_mean = 1;
  settings.sigma_std = 0;
  const auto network = made_denoiser();
  const auto loss = [&](std::shared_ptr<Denoiser> of, uint64_t seed) {
    DiffusionObjective objective(settings, std::move(of), nullptr);
    StepInput input;
    input.real = {{torch::zeros({4, 1, 8, 8}), {}}};
    input.random = at::detail::createCPUGenerator(seed);
    StepOutput output;
    return objective.phases()[0].loss(input, output);
  };
  EXPECT_TRUE(loss(network, 1).equal(loss(network, 1)));
  EXPECT_FALSE(loss(network, 1).equal(loss(network, 2)));
  const at::Generator random = at::detail::createCPUGenerator(1);
  at::randn({4}, random);
  const Tensor noise = at::randn({4, 1, 8, 8}, random);
  const Tensor expected =
      denoising_loss(*network, {torch::zeros({4, 1, 8, 8}), {}}, {torch::full({4}, std::exp(1.0f)), noise}).loss;
  EXPECT_LT(difference(loss(network, 1), expected), 1e-5);
  const auto eps = with_settings(*network, Precondition::eps, {"euler", 2, "karras"});
  EXPECT_NEAR(loss(eps, 1).item<double>(), 1, 0.5);  // a fresh network predicts almost nothing of the noise
}

}  // namespace
}  // namespace dgl::test
