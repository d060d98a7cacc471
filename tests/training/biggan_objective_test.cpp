#include "dgl/training/biggan_objective.h"

#include <gtest/gtest.h>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"

namespace dgl::test {
namespace {

Recipe tiny() {
  Recipe recipe = parse_recipe("family = \"biggan\"", "test");
  recipe.network.img_channels = 1;
  recipe.network.z_dim = 8;
  recipe.classes = 3;
  recipe.channels = 2;
  recipe.shared_dim = 4;
  recipe.batch = 6;
  return recipe;
}

class BigGanObjectiveTest : public ::testing::Test {
 protected:
  void build(const Recipe& recipe) {
    torch::manual_seed(1);
    model_ = make_networks(recipe, {}, {}, torch::kCPU);
    teacher_ = make_networks(recipe, {}, {}, torch::kCPU);
    objective_ = make_objective(recipe, model_);
    input_.real = {torch::randn({recipe.batch, 1, 32, 32}), torch::randint(3, {recipe.batch}, torch::kLong)};
  }
  /// What the first phase of this name reports; its gradients stay. The same random numbers every time.
  StepOutput run(const std::string& name, const Guidance* guidance = nullptr, int64_t parts = 1) {
    for (auto& p : model_.generator->parameters()) p.mutable_grad().reset();
    for (auto& p : model_.discriminator->parameters()) p.mutable_grad().reset();
    input_.guidance = guidance;
    Workers workers(1);
    for (const Phase& phase : objective_->phases()) {
      if (phase.name == name) return run_phase(*objective_, model_, phase, input_, workers, 7, parts);
    }
    return {};
  }
  /// What part 0, 1 or 2 of `run` in three parts works on.
  StepInput third(int64_t part) const {
    StepInput input = input_;
    input.real = {input_.real.images.chunk(3)[part], input_.real.labels.chunk(3)[part]};
    input.random = make_random(torch::kCPU, stream_seed(7, 0, static_cast<uint64_t>(part)));
    return input;
  }
  static int64_t with_gradients(const torch::nn::Module& module) {
    int64_t n = 0;
    for (const auto& p : module.parameters()) n += p.grad().defined();
    return n;
  }
  torch::Tensor gradient() const { return model_.generator->named_parameters()["linear.weight"].grad(); }

  Model model_, teacher_;
  std::unique_ptr<Objective> objective_;
  StepInput input_;
};

TEST_F(BigGanObjectiveTest, PhasesFollowTheRecipe) {
  Recipe recipe = tiny();
  recipe.d_steps = 3;
  build(recipe);
  const auto phases = objective_->phases();
  ASSERT_EQ(phases.size(), 4u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(phases[i].name, "d_main");
    EXPECT_EQ(phases[i].real, static_cast<int64_t>(i));
  }
  EXPECT_EQ(phases[3].name, "g_main");
  EXPECT_EQ(objective_->real_batches(), 3);
  EXPECT_EQ(objective_->max_shards(48), 1);
}

TEST_F(BigGanObjectiveTest, PhasesLeaveTheOtherNetworkAlone) {
  build(tiny());
  run("d_main");
  EXPECT_EQ(with_gradients(*model_.generator), 0);
  EXPECT_EQ(with_gradients(*model_.discriminator), static_cast<int64_t>(model_.discriminator->parameters().size()));
  run("g_main");
  EXPECT_EQ(with_gradients(*model_.discriminator), 0);
  EXPECT_EQ(with_gradients(*model_.generator), static_cast<int64_t>(model_.generator->parameters().size()));
}

TEST_F(BigGanObjectiveTest, GuidanceAddsItsShareAndLeavesTheTeacherAlone) {
  build(tiny());
  const auto guided = [&](double lambda) {
    Guidance guidance;
    guidance.add({"teacher", teacher_.discriminator, default_adversarial_loss("biggan"), constant_schedule(lambda)}, 1,
                 32, 3);
    // The student's networks move with every pass.
    const Model before{make_generator(model_.generator->settings(), "m"),
                       nullptr,
                       make_discriminator(model_.discriminator->settings(), "m"),
                       {}};
    copy_weights(*model_.generator, *before.generator);
    copy_weights(*model_.discriminator, *before.discriminator);
    const StepOutput output = run("g_main", &guidance);
    const torch::Tensor g = gradient().clone();
    copy_weights(*before.generator, *model_.generator);
    copy_weights(*before.discriminator, *model_.discriminator);
    return std::pair{output, g};
  };
  TensorFile teacher_before, teacher_after;
  put_module(teacher_before, "", *teacher_.discriminator);
  for (auto& [name, tensor] : teacher_before.tensors) tensor = tensor.clone();
  const auto [none, g0] = guided(0);
  const auto [some, g1] = guided(0.1);
  const auto [more, g2] = guided(0.2);
  put_module(teacher_after, "", *teacher_.discriminator);
  for (const auto& [name, tensor] : teacher_before.tensors)
    EXPECT_TRUE(tensor.equal(teacher_after.tensors.at(name))) << name;
  EXPECT_FALSE(none.losses.count("g_guidance"));
  EXPECT_NEAR(some.losses.at("g_guidance").item<double>(), -0.1 * some.scores.at("teacher_fake").item<double>(), 1e-5);
  EXPECT_TRUE(none.losses.at("g_main").equal(some.losses.at("g_main")));
  EXPECT_GT((g1 - g0).abs().max().item<double>(), 0);
  EXPECT_LT((g2 - g0 - 2 * (g1 - g0)).abs().max().item<double>(), 1e-3 * (g2 - g0).abs().max().item<double>());
}

TEST_F(BigGanObjectiveTest, HingeLossOfTheReportedScores) {
  Recipe recipe = tiny();
  recipe.batch = 1;
  build(recipe);
  const StepOutput output = run("d_main");
  const double real = output.scores.at("real").item<double>(), fake = output.scores.at("fake").item<double>();
  EXPECT_NEAR(output.losses.at("d_main").item<double>(), std::max(0.0, 1 - real) + std::max(0.0, 1 + fake), 1e-4);
}

TEST_F(BigGanObjectiveTest, OrthogonalRegularizationJoinsTheLoss) {
  Recipe recipe = tiny();
  recipe.orthogonal = 0.5;
  recipe.init = "normal";
  build(recipe);
  double expected = 0;
  const auto generator = std::dynamic_pointer_cast<BigGanGenerator>(model_.generator);
  for (const auto& w : generator->matrices()) {
    const auto m = w.reshape({w.size(0), -1});
    const auto p = at::mm(m, m.t());
    expected += 0.25 * (p - at::diag(p.diagonal())).square().sum().item<double>();
  }
  EXPECT_NEAR(run("g_main").losses.at("g_orthogonal").item<double>(), expected, 1e-4 * expected);
}

TEST_F(BigGanObjectiveTest, PartsOfABatchAreMeansOfPasses) {
  build(tiny());
  const double loss = run("d_main", nullptr, 3).losses.at("d_main").item<double>();
  build(tiny());
  double sum = 0;
  for (int64_t part = 0; part < 3; ++part) {
    StepOutput output;
    sum += objective_->loss(objective_->phases()[0], third(part), output).item<double>();
  }
  EXPECT_NEAR(loss, sum / 3, 1e-4 * std::abs(loss));
}

// Of every parameter: some share a gradient's tensor.
TEST_F(BigGanObjectiveTest, GradientsOfPartsAreMeansOfThoseOfPasses) {
  for (const char* name : {"d_main", "g_main"}) {
    build(tiny());
    const StepInput whole = input_;
    run(name, nullptr, 3);
    const torch::nn::Module& learns =
        *name == 'd' ? static_cast<torch::nn::Module&>(*model_.discriminator) : *model_.generator;
    std::map<std::string, torch::Tensor> got;
    for (const auto& item : learns.named_parameters()) got[item.key()] = item.value().grad().clone();
    // The same three passes by hand: the weights stay, what rides along with them moves in the same way.
    build(tiny());
    input_ = whole;
    const torch::nn::Module& again =
        *name == 'd' ? static_cast<torch::nn::Module&>(*model_.discriminator) : *model_.generator;
    set_requires_grad(*model_.generator, *name == 'g');
    set_requires_grad(*model_.discriminator, *name == 'd');
    for (const Phase& phase : objective_->phases()) {
      if (phase.name != name) continue;
      for (int64_t part = 0; part < 3; ++part) {
        StepOutput output;
        (objective_->loss(phase, third(part), output) / 3).backward();
      }
    }
    for (const auto& item : again.named_parameters()) {
      const double size = item.value().grad().abs().max().item<double>();
      EXPECT_LT((got.at(item.key()) - item.value().grad()).abs().max().item<double>(), 1e-4 * size + 1e-7)
          << name << " " << item.key();
    }
  }
}

}  // namespace
}  // namespace dgl::test
