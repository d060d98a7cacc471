#include "dgl/families/biggan/objective.h"

#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/guidance/guidance.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"

namespace dgl::test {
namespace {

Recipe tiny() {
  return parse_recipe(R"(
family = "biggan"
[network]
resolution = 32
img_channels = 1
z_dim = 8
classes = 3
channels = 2
shared_dim = 4
[training]
batch = 6
)",
                      "test");
}

BigGanFamilySettings& settings_of(Recipe& recipe) { return dynamic_cast<BigGanFamilySettings&>(*recipe.network); }

class BigGanObjectiveTest : public ::testing::Test {
 protected:
  void build(const Recipe& recipe) {
    torch::manual_seed(1);
    model_ = make_networks(recipe, {}, torch::kCPU);
    teacher_ = make_networks(recipe, {}, torch::kCPU);
    objective_ = recipe.family_info().objective(*recipe.network, model_);
    generator_ = model_.network<Generator>("generator");
    discriminator_ = model_.discriminator();
    input_.real = {{torch::randn({recipe.batch, 1, 32, 32}), torch::randint(3, {recipe.batch}, torch::kLong)}};
  }
  /// What the first phase of this name reports; its gradients stay. The same random numbers every time.
  StepOutput run(const std::string& name, const Guidance* guidance = nullptr, int64_t micro_batches = 1,
                 uint64_t seed = 7) {
    for (auto& p : generator_->parameters()) p.mutable_grad().reset();
    for (auto& p : discriminator_->parameters()) p.mutable_grad().reset();
    input_.guidance = guidance;
    Workers workers(1);
    for (const Phase& phase : objective_->phases()) {
      if (phase.name == name) return run_phase(*objective_, model_, phase, input_, workers, seed, micro_batches);
    }
    return {};
  }
  /// What part 0, 1 or 2 of `run` in three parts works on.
  StepInput third(int64_t part) const {
    StepInput input = input_;
    input.real = {{input_.real[0].images.chunk(3)[part], input_.real[0].labels.chunk(3)[part]}};
    input.random = make_random(torch::kCPU, stream_seed(7, 0, static_cast<uint64_t>(part)));
    return input;
  }
  static int64_t with_gradients(const torch::nn::Module& module) {
    int64_t n = 0;
    for (const auto& p : module.parameters()) n += p.grad().defined();
    return n;
  }
  torch::Tensor gradient() const { return generator_->named_parameters()["linear.weight"].grad(); }

  TensorFile snapshot() const {
    TensorFile file;
    put_module(file, "generator.", *generator_);
    put_module(file, "discriminator.", *discriminator_);
    for (auto& [name, tensor] : file.tensors) tensor = tensor.clone();
    return file;
  }
  void restore(const TensorFile& file) {
    get_module(file, "generator.", *generator_, "snapshot");
    get_module(file, "discriminator.", *discriminator_, "snapshot");
  }

  NetworkSet model_, teacher_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Discriminator> discriminator_;
  std::unique_ptr<Objective> objective_;
  StepInput input_;
};

TEST_F(BigGanObjectiveTest, PhasesFollowTheRecipe) {
  Recipe recipe = tiny();
  settings_of(recipe).d_steps = 3;
  build(recipe);
  const auto phases = training_phases(recipe, *objective_);
  ASSERT_EQ(phases.size(), 4u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(phases[i].name, "d_main");
    EXPECT_EQ(phases[i].batch, static_cast<int64_t>(i));
  }
  EXPECT_EQ(phases[3].name, "g_main");
  EXPECT_EQ(objective_->batches_per_step(), 3);
  EXPECT_EQ(objective_->max_shards(48), 1);
}

// A step of distillation moves the generator towards the teacher's images of the same latents and labels, and leaves
// discriminators alone.
TEST_F(BigGanObjectiveTest, DistillationDrawsTheImagesToTheTeachers) {
  build(tiny());
  Guidance guidance;
  input_.teacher = teacher_.network<Generator>("generator");
  for (const std::string& distance : pair_term_distances()) {
    guidance.add_distillation(std::make_unique<PairTerm>(PairTeacher{.name = "teacher",
                                                                     .discriminator = teacher_.discriminator(),
                                                                     .distance = distance,
                                                                     .mu = constant_schedule(1)}));
    const TensorFile before = snapshot();
    const auto loss = [&] { return run("g_distill", &guidance).losses.at("g_distill").item<double>(); };
    const double first = loss();
    EXPECT_GT(first, 0);
    EXPECT_EQ(with_gradients(*discriminator_), 0);
    EXPECT_EQ(with_gradients(*teacher_.discriminator()), 0);
    EXPECT_EQ(with_gradients(*teacher_.network("generator")), 0);
    {
      const torch::NoGradGuard no_grad;
      double square = 0;
      for (const auto& p : generator_->parameters()) {
        if (p.grad().defined()) square += p.grad().square().sum().item<double>();
      }
      for (auto& p : generator_->parameters()) {
        if (p.grad().defined()) p.sub_(p.grad(), 0.05 * first / square);
      }
    }
    EXPECT_LT(loss(), first) << distance;
    restore(before);
  }
}

// A label that is never drawn gives its embedding no gradient.
TEST_F(BigGanObjectiveTest, LabelsOfFakesAreDrawnAsTheRecipeSays) {
  Recipe recipe = tiny();
  for (const char* how : {"uniform", "data"}) {
    settings_of(recipe).fake_labels = how;
    build(recipe);
    input_.label_shares = torch::tensor({0.5, 0.0, 0.5});
    std::vector<double> norms(3, 0);
    for (uint64_t seed = 0; seed < 8; ++seed) {
      run("g_main", nullptr, 1, seed);
      const torch::Tensor rows = generator_->named_parameters()["shared.weight"].grad().norm(2, {1});
      for (size_t i = 0; i < 3; ++i) norms[i] += rows[static_cast<int64_t>(i)].item<double>();
    }
    EXPECT_GT(norms[0], 0);
    EXPECT_EQ(norms[1] > 0, std::string(how) == "uniform") << norms[1];
    EXPECT_GT(norms[2], 0);
  }
  EXPECT_FALSE(BigGanObjective({}, nullptr, nullptr).fake_label_shares(torch::ones({3})).defined());
}

TEST_F(BigGanObjectiveTest, PhasesLeaveTheOtherNetworkAlone) {
  build(tiny());
  run("d_main");
  EXPECT_EQ(with_gradients(*generator_), 0);
  EXPECT_EQ(with_gradients(*discriminator_), static_cast<int64_t>(discriminator_->parameters().size()));
  run("g_main");
  EXPECT_EQ(with_gradients(*discriminator_), 0);
  EXPECT_EQ(with_gradients(*generator_), static_cast<int64_t>(generator_->parameters().size()));
}

TEST_F(BigGanObjectiveTest, GuidanceAddsItsShareAndLeavesTheTeacherAlone) {
  build(tiny());
  const auto guided = [&](double lambda) {
    Guidance guidance;
    guidance.add({.name = "teacher",
                  .discriminator = teacher_.discriminator(),
                  .loss = make_adversarial_loss("hinge", "loss"),
                  .lambda = constant_schedule(lambda)},
                 {{1, 32, 32}, 3});
    // The student's networks move with every pass.
    const TensorFile before = snapshot();
    const StepOutput output = run("g_main", &guidance);
    const torch::Tensor g = gradient().clone();
    restore(before);
    return std::pair{output, g};
  };
  TensorFile teacher_before, teacher_after;
  put_module(teacher_before, "", *teacher_.discriminator());
  for (auto& [name, tensor] : teacher_before.tensors) tensor = tensor.clone();
  const auto [none, g0] = guided(0);
  const auto [some, g1] = guided(0.1);
  const auto [more, g2] = guided(0.2);
  put_module(teacher_after, "", *teacher_.discriminator());
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
  settings_of(recipe).orthogonal = 0.5;
  settings_of(recipe).init = "normal";
  build(recipe);
  double expected = 0;
  const auto generator = std::dynamic_pointer_cast<BigGanGenerator>(generator_);
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
    sum += objective_->phases()[0].loss(third(part), output).item<double>();
  }
  EXPECT_NEAR(loss, sum / 3, 1e-4 * std::abs(loss));
}

// BigGAN-PyTorch with batch_size 100, num_D_steps 4, num_D_accumulations 2 and num_G_accumulations 1: each of four
// discriminator steps takes 2 x 100 images, and a step of the generator 1 x 100.
TEST_F(BigGanObjectiveTest, TheAuthorsSettingsForCifar10) {
  Recipe recipe = load_recipe(fs::path(DGL_SOURCE_DIR) / "recipes/cifar10-biggan.toml");
  settings_of(recipe).channels = 1;
  build(recipe);
  input_.real = {{torch::zeros({200, 3, 32, 32}), torch::arange(200)}};
  const auto phases = training_phases(recipe, *objective_);
  ASSERT_EQ(phases.size(), 5u);
  EXPECT_EQ(objective_->batches_per_step(), 4);
  for (const Phase& phase : phases) {
    const bool of_discriminator = phase.name == "d_main";
    const PhaseBatch batch = phase_batch(recipe, model_, phase, input_);
    EXPECT_EQ(batch.micro_batches, of_discriminator ? 2 : 1) << phase.name;
    EXPECT_EQ(batch.input.real[0].images.size(0), of_discriminator ? 200 : 100) << phase.name;
    EXPECT_TRUE(batch.input.real[0].labels.equal(torch::arange(of_discriminator ? 200 : 100))) << phase.name;
  }
  EXPECT_EQ(input_.real[0].images.size(0), 200);
}

// The generator's gradient is that of fewer images in parts of the same size; without the key, of as many.
TEST_F(BigGanObjectiveTest, AGeneratorsStepMayBeOfFewerImages) {
  Recipe recipe = tiny();
  recipe.accumulations = 3;
  const auto gradient_of = [&](const PhaseBatch& batch) {
    build(recipe);
    Workers workers(1);
    run_phase(*objective_, model_, training_phases(recipe, *objective_).back(), batch.input, workers, 7,
              batch.micro_batches);
    return gradient().clone();
  };
  const auto of_recipe = [&] {
    build(recipe);
    return gradient_of(phase_batch(recipe, model_, training_phases(recipe, *objective_).back(), input_));
  };
  const torch::Tensor all = of_recipe();
  recipe.batch_generator = 4;
  const torch::Tensor of_four = of_recipe();
  build(recipe);
  StepInput four = input_;
  four.real = {{input_.real[0].images.slice(0, 0, 4), input_.real[0].labels.slice(0, 0, 4)}};
  EXPECT_TRUE(of_four.equal(gradient_of({four, 2})));
  EXPECT_FALSE(of_four.equal(all));
  recipe.batch_generator = 0;
  EXPECT_TRUE(all.equal(gradient_of({input_, 3})));
}

// Of every parameter: some share a gradient's tensor.
TEST_F(BigGanObjectiveTest, GradientsOfPartsAreMeansOfThoseOfPasses) {
  for (const char* name : {"d_main", "g_main"}) {
    build(tiny());
    const StepInput whole = input_;
    run(name, nullptr, 3);
    const torch::nn::Module& learns = *name == 'd' ? static_cast<torch::nn::Module&>(*discriminator_) : *generator_;
    std::map<std::string, torch::Tensor> got;
    for (const auto& item : learns.named_parameters()) got[item.key()] = item.value().grad().clone();
    // The same three passes by hand: the weights stay, what rides along with them moves in the same way.
    build(tiny());
    input_ = whole;
    const torch::nn::Module& again = *name == 'd' ? static_cast<torch::nn::Module&>(*discriminator_) : *generator_;
    set_requires_grad(*generator_, *name == 'g');
    set_requires_grad(*discriminator_, *name == 'd');
    for (const Phase& phase : objective_->phases()) {
      if (phase.name != name) continue;
      for (int64_t part = 0; part < 3; ++part) {
        StepOutput output;
        (phase.loss(third(part), output) / 3).backward();
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
