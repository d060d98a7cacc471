#include "dgl/families/stylegan2/objective.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "dgl/base/torch.h"
#include "dgl/guidance/guidance.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"

namespace dgl::test {
namespace {

Recipe tiny() {
  return parse_recipe(R"(
[network]
resolution = 8
img_channels = 1
channel_base = 64
channel_max = 6
z_dim = 5
w_dim = 5
mapping_layers = 2
[training]
batch = 4
)",
                      "test");
}

StyleGan2FamilySettings& settings_of(Recipe& recipe) { return dynamic_cast<StyleGan2FamilySettings&>(*recipe.network); }

std::unique_ptr<Objective> make_objective(const Recipe& recipe, const NetworkSet& networks) {
  return recipe.family_info().objective(*recipe.network, networks);
}

/// A student with its objective, and a guidance of one teacher; the same for every seed.
class StyleGan2ObjectiveTest : public ::testing::Test {
 protected:
  explicit StyleGan2ObjectiveTest(Recipe recipe = tiny()) : recipe_(std::move(recipe)) {
    torch::manual_seed(1);
    model_ = make_networks(recipe_, {}, torch::kCPU);
    teacher_ = make_networks(recipe_, {}, torch::kCPU);
    objective_ = make_objective(recipe_, model_);
    generator_ = model_.network<Generator>("generator");
    discriminator_ = model_.discriminator();
    input_.real = {{torch::randn({recipe_.batch, 1, 8, 8}), {}}};
  }

  Guidance guided(double lambda) const {
    Guidance guidance;
    guidance.add({.name = "teacher",
                  .discriminator = teacher_.discriminator(),
                  .loss = make_adversarial_loss("logistic", "loss"),
                  .lambda = constant_schedule(lambda)},
                 {{1, 8, 8}, recipe_.network->labels()});
    return guidance;
  }
  /// Losses of a phase, its gradients on a network left in place. The same random numbers every time.
  Scalars run(const std::string& name, const Guidance* guidance = nullptr, int64_t shards = 1,
              int64_t micro_batches = 1) {
    for (auto& p : generator_->parameters()) p.mutable_grad().reset();
    for (auto& p : discriminator_->parameters()) p.mutable_grad().reset();
    input_.guidance = guidance;
    Workers workers(shards);
    for (const Phase& phase : objective_->phases()) {
      if (phase.name == name) return run_phase(*objective_, model_, phase, input_, workers, 7, micro_batches).losses;
    }
    return {};
  }
  static torch::Tensor flat_gradient(const torch::nn::Module& module) {
    std::vector<torch::Tensor> parts;
    for (const auto& p : module.parameters()) {
      parts.push_back((p.grad().defined() ? p.grad() : torch::zeros_like(p)).flatten());
    }
    return torch::cat(parts);
  }
  static bool has_gradient(const torch::nn::Module& module) {
    for (const auto& p : module.parameters()) {
      if (p.grad().defined()) return true;
    }
    return false;
  }

  Recipe recipe_;
  NetworkSet model_, teacher_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Discriminator> discriminator_;
  std::unique_ptr<Objective> objective_;
  StepInput input_;
};

TEST_F(StyleGan2ObjectiveTest, PhasesFollowTheRecipe) {
  const auto names = [](const Recipe& recipe, const NetworkSet& model) {
    std::vector<std::string> all;
    for (const Phase& phase : make_objective(recipe, model)->phases()) all.push_back(phase.name);
    return all;
  };
  EXPECT_EQ(names(recipe_, model_),
            (std::vector<std::string>{"g_main", "g_reg", "d_main", "d_reg", "g_guidance", "g_distill"}));
  Recipe plain = recipe_;
  settings_of(plain).pl_weight = settings_of(plain).r1_gamma = 0;
  EXPECT_EQ(names(plain, model_), (std::vector<std::string>{"g_main", "d_main", "g_guidance", "g_distill"}));
}

// c = k / (k + 1); lr * c, beta^c.
TEST_F(StyleGan2ObjectiveTest, AdamIsCorrectedForWhatIsLazy) {
  recipe_.lr = 0.002;
  recipe_.beta1 = 0.5;
  const auto options = [&](double pl_weight, bool pl_correction) {
    settings_of(recipe_).pl_weight = pl_weight;
    settings_of(recipe_).pl_correction = pl_correction;
    const auto phases = make_objective(recipe_, model_)->phases();
    const auto optimizers = make_optimizers(recipe_, model_, phases);
    return std::pair{optimizers.at("generator")->options(), optimizers.at("discriminator")->options()};
  };
  const auto expect = [](const AdamOptions& found, double c) {
    EXPECT_DOUBLE_EQ(found.lr, 0.002 * c);
    EXPECT_DOUBLE_EQ(found.beta1, std::pow(0.5, c));
    EXPECT_DOUBLE_EQ(found.beta2, std::pow(0.99, c));
  };
  for (const bool pl_correction : {false, true}) {
    expect(options(2, pl_correction).first, 4.0 / 5);
    expect(options(0, pl_correction).first, pl_correction ? 4.0 / 5 : 1);
    expect(options(0, pl_correction).second, 16.0 / 17);
  }
}

TEST_F(StyleGan2ObjectiveTest, DistillationHasARateOfItsOwn) {
  recipe_.lr = 0.002;
  recipe_.beta1 = 0.5;
  auto phases = objective_->phases();
  std::erase_if(phases, [](const Phase& phase) { return !phase.distillation; });
  const NetworkSlot& g = model_.at("generator", "test");
  EXPECT_DOUBLE_EQ(adam_options(recipe_, g, phases).lr, 0.008);
  EXPECT_DOUBLE_EQ(adam_options(recipe_, g, phases).beta1, 0.5);  // no lazy regularizer is among them
  recipe_.guidance.distill_lr = 0.003;
  EXPECT_DOUBLE_EQ(adam_options(recipe_, g, phases).lr, 0.003);
}

TEST_F(StyleGan2ObjectiveTest, APhaseTeachesOneNetwork) {
  for (const Phase& phase : objective_->phases()) {
    if (phase.distillation) continue;  // needs a teacher
    run(phase.name);
    ASSERT_EQ(phase.trains.size(), 1u);
    EXPECT_EQ(has_gradient(*generator_), phase.trains[0] == "generator") << phase.name;
    EXPECT_EQ(has_gradient(*discriminator_), phase.trains[0] == "discriminator") << phase.name;
  }
}

// loss_G + lambda * mean softplus(-D_t(G(z))): the gradient is linear in lambda, and none reaches the teacher.
TEST_F(StyleGan2ObjectiveTest, GuidanceAddsItsGradientToTheGenerator) {
  const Scalars alone = run("g_main");
  const torch::Tensor without = flat_gradient(*generator_);
  const Guidance one = guided(1), three = guided(3);
  const Scalars losses = run("g_main", &one);
  const torch::Tensor with_one = flat_gradient(*generator_);
  const Scalars more = run("g_main", &three);
  const torch::Tensor with_three = flat_gradient(*generator_);

  EXPECT_EQ(losses.at("g_main").item<double>(), alone.at("g_main").item<double>());
  EXPECT_GT(losses.at("g_guidance").item<double>(), 0);
  EXPECT_NEAR(more.at("g_guidance").item<double>(), 3 * losses.at("g_guidance").item<double>(), 1e-5);
  EXPECT_GT((with_one - without).norm().item<double>(), 1e-3 * without.norm().item<double>());
  EXPECT_LT(((with_three - without) - 3 * (with_one - without)).norm().item<double>(),
            1e-4 * (with_three - without).norm().item<double>());
  EXPECT_FALSE(has_gradient(*teacher_.discriminator()));
  EXPECT_FALSE(has_gradient(*discriminator_));
}

// D = D_s + c D_t in every loss, the penalty of its gradient included; neither loss reaches the teacher's weights.
TEST_F(StyleGan2ObjectiveTest, APriorAddsTheTeachersScores) {
  Guidance guidance = guided(0);
  guidance.guide_discriminator({.logit_prior = 0.5}, nullptr, {{1, 8, 8}});
  const double alone = run("g_main").at("g_main").item<double>();
  const torch::Tensor without = flat_gradient(*generator_);
  EXPECT_NE(run("g_main", &guidance).at("g_main").item<double>(), alone);
  EXPECT_GT((flat_gradient(*generator_) - without).norm().item<double>(), 1e-3 * without.norm().item<double>());
  run("d_main", &guidance);
  EXPECT_TRUE(has_gradient(*discriminator_));
  EXPECT_FALSE(has_gradient(*teacher_.discriminator()));
  const auto sum = [&](const torch::Tensor& images) {
    return discriminator_->forward(images, {}) + 0.5 * teacher_.discriminator()->forward(images, {});
  };
  const torch::Tensor real = input_.real[0].images.clone().set_requires_grad(true);
  const torch::Tensor gradient = torch::autograd::grad({sum(real).sum()}, {real})[0];
  EXPECT_NEAR(run("d_reg", &guidance).at("d_reg").item<double>(),
              settings_of(recipe_).r1_gamma / 2 * gradient.square().sum({1, 2, 3}).mean().item<double>(), 1e-6);
}

// An image of the student stands for the teacher's of the same latents, styles and noise: a student that equals its
// teacher is at distance 0, in any features, whether styles are mixed or not.
TEST_F(StyleGan2ObjectiveTest, PairsShareLatentsAndNoise) {
  for (const double mixing : {0.0, 1.0}) {
    settings_of(recipe_).style_mixing = mixing;
    objective_ = make_objective(recipe_, model_);
    for (const std::string& distance : pair_term_distances()) {
      Guidance guidance = guided(0);
      input_.teacher = teacher_.network<Generator>("generator");
      const auto pair_term = [&] {
        return std::make_unique<PairTerm>(PairTeacher{.name = "teacher",
                                                      .discriminator = teacher_.discriminator(),
                                                      .distance = distance,
                                                      .mu = constant_schedule(2)});
      };
      guidance.add(pair_term());
      copy_weights(*teacher_.network("generator"), *generator_);
      EXPECT_LT(run("g_main", &guidance).at("g_pair").item<double>(), 1e-6) << distance;
      {
        const torch::NoGradGuard no_grad;
        for (auto& p : generator_->parameters()) p.add_(0.05 * torch::randn_like(p));
      }
      const double far = run("g_main", &guidance).at("g_pair").item<double>();
      EXPECT_GT(far, 0) << distance;
      EXPECT_EQ(run("g_main", &guidance).at("g_guidance").item<double>(), far);
      // Distillation is that term without all else.
      const torch::Tensor both = flat_gradient(*generator_);
      run("g_main");
      const torch::Tensor of_pair = both - flat_gradient(*generator_);
      guidance.add_distillation(pair_term());
      const Scalars losses = run("g_distill", &guidance);
      EXPECT_EQ(losses.size(), 1u);
      EXPECT_EQ(losses.at("g_distill").item<double>(), far);
      EXPECT_TRUE(flat_gradient(*generator_).allclose(of_pair, 1e-3, 1e-6)) << distance;
      EXPECT_TRUE(has_gradient(*generator_));
      EXPECT_FALSE(has_gradient(*teacher_.network("generator")));
      EXPECT_FALSE(has_gradient(*teacher_.discriminator()));
    }
  }
}

// FreezeD: what the other blocks learn is the same, and the frozen ones get no gradient.
TEST_F(StyleGan2ObjectiveTest, FrozenBlocksDoNotTrain) {
  ASSERT_EQ(discriminator_->blocks(), (std::vector<std::string>{"b8."}));
  for (const char* phase : {"d_main", "d_reg"}) {
    discriminator_->freeze({});
    run(phase);
    std::map<std::string, torch::Tensor> all;
    for (const auto& item : discriminator_->named_parameters()) all[item.key()] = item.value().grad();
    discriminator_->freeze(discriminator_->blocks());
    run(phase);
    for (const auto& item : discriminator_->named_parameters()) {
      const torch::Tensor& gradient = item.value().grad();
      if (item.key().starts_with("b8.")) {
        EXPECT_FALSE(gradient.defined()) << item.key();
      } else {
        ASSERT_EQ(gradient.defined(), all[item.key()].defined()) << item.key();
        if (gradient.defined()) {
          EXPECT_TRUE(gradient.allclose(all[item.key()], 1e-4, 1e-7)) << item.key();
        }
      }
    }
  }
  run("g_main");
  EXPECT_TRUE(has_gradient(*generator_));
}

// Where teachers are asked in every fourth step, their gradient counts four times in a step of its own, and the main
// phase has none of it: Adam's moments take both as those of a lazy regularizer.
TEST_F(StyleGan2ObjectiveTest, TeachersThatAreAskedSeldomHaveAStepOfTheirOwn) {
  const auto names = [&](int64_t interval) {
    recipe_.guidance.interval = interval;
    std::map<std::string, int64_t> intervals;
    for (const Phase& phase : training_phases(recipe_, *objective_)) intervals[phase.name] = phase.interval;
    return intervals;
  };
  EXPECT_FALSE(names(1).contains("g_guidance"));
  EXPECT_EQ(names(4).at("g_guidance"), 4);
  const auto phases = training_phases(recipe_, *objective_);
  const NetworkSlot &g = model_.at("generator", "test"), &d = model_.at("discriminator", "test");
  auto unguided = phases;
  std::erase_if(unguided, [](const Phase& phase) { return phase.guidance; });
  const AdamOptions alone = adam_options(recipe_, g, unguided), guided_too = adam_options(recipe_, g, phases);
  EXPECT_NEAR(guided_too.lr, alone.lr * 4 / 5, 1e-9);
  EXPECT_NEAR(guided_too.beta2, std::pow(alone.beta2, 0.8), 1e-9);
  EXPECT_EQ(adam_options(recipe_, d, phases).lr, adam_options(recipe_, d, unguided).lr);

  run("g_main");
  const torch::Tensor without = flat_gradient(*generator_);
  const Guidance guidance = guided(1);
  run("g_main", &guidance);
  const torch::Tensor of_term = flat_gradient(*generator_) - without;
  input_.guidance_scale = 0;
  EXPECT_EQ(run("g_main", &guidance).count("g_guidance"), 0u);
  EXPECT_TRUE(flat_gradient(*generator_).equal(without));
  input_.guidance_scale = 4;
  input_.guidance_alone = true;
  const Scalars losses = run("g_guidance", &guidance);
  EXPECT_EQ(losses.size(), 1u);
  EXPECT_GT(losses.at("g_guidance").item<double>(), 0);
  EXPECT_LT((flat_gradient(*generator_) - 4 * of_term).norm().item<double>(), 1e-4 * 4 * of_term.norm().item<double>());
  // A schedule that is at 0 asks for nothing.
  const Guidance silent = guided(0);
  EXPECT_TRUE(run("g_guidance", &silent).empty());
  EXPECT_EQ(flat_gradient(*generator_).abs().max().item<double>(), 0);
}

// gamma / 2 * E |grad_x D(x)|^2 (Mescheder et al. 2018), the gradient by finite differences of the score.
TEST_F(StyleGan2ObjectiveTest, R1IsTheSquaredGradientOnRealImages) {
  discriminator_->to(torch::kDouble);
  input_.real[0].images = input_.real[0].images.to(torch::kDouble);
  const double r1 = run("d_reg").at("d_reg").item<double>();

  torch::NoGradGuard no_grad;
  const torch::Tensor x = input_.real[0].images;
  double squares = 0;
  constexpr double kStep = 1e-5;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const torch::Tensor step = torch::zeros_like(x);
    step.view(-1)[i] = kStep;
    const auto score = [&](const torch::Tensor& images) {
      return discriminator_->forward(images, torch::Tensor(), 1).sum().item<double>();
    };
    squares += std::pow((score(x + step) - score(x - step)) / (2 * kStep), 2);
  }
  EXPECT_NEAR(r1, settings_of(recipe_).r1_gamma / 2 * squares / static_cast<double>(recipe_.batch), 1e-4 * r1);
}

TEST_F(StyleGan2ObjectiveTest, ShardsHoldWholeGroups) {
  const auto most = [&](int64_t batch, int64_t group, double pl_weight) {
    Recipe recipe = recipe_;
    settings_of(recipe).network.minibatch_std_group = group;
    settings_of(recipe).pl_weight = pl_weight;
    return make_objective(recipe, model_)->max_shards(batch);
  };
  EXPECT_EQ(most(32, 4, 2), 8);
  EXPECT_EQ(most(24, 4, 2), 6);
  EXPECT_EQ(most(6, 4, 2), 1);
  EXPECT_EQ(most(2, 4, 2), 1);
  EXPECT_EQ(most(4, 1, 2), 2);  // a shard of one image has no half for path lengths
  EXPECT_EQ(most(4, 1, 0), 4);
}

/// Minibatch statistics of one image each, so that shards change nothing but the rounding.
struct ShardsTest : StyleGan2ObjectiveTest {
  ShardsTest()
      : StyleGan2ObjectiveTest([] {
          Recipe recipe = tiny();
          settings_of(recipe).network.minibatch_std_group = 1;
          return recipe;
        }()) {}
};

TEST_F(ShardsTest, GiveTheWholeBatchsGradient) {
  const double whole_loss = run("d_reg").at("d_reg").item<double>();
  const torch::Tensor whole = flat_gradient(*discriminator_);
  for (const int64_t shards : {2, 4}) {
    EXPECT_NEAR(run("d_reg", nullptr, shards).at("d_reg").item<double>(), whole_loss, 1e-5 * whole_loss);
    EXPECT_LT((flat_gradient(*discriminator_) - whole).norm().item<double>(), 1e-5 * whole.norm().item<double>());
  }
}

TEST_F(ShardsTest, PartsInTurnGiveTheWholeBatchsGradientToo) {
  run("d_reg");
  const torch::Tensor whole = flat_gradient(*discriminator_);
  for (const int64_t shards : {1, 2}) {
    run("d_reg", nullptr, shards, 2);
    EXPECT_LT((flat_gradient(*discriminator_) - whole).norm().item<double>(), 1e-5 * whole.norm().item<double>());
  }
}

TEST_F(ShardsTest, TheSameBitsEveryTime) {
  for (const Phase& phase : objective_->phases()) {
    if (phase.distillation) continue;  // needs a teacher
    torch::nn::Module& network =
        phase.trains[0] == "generator" ? static_cast<torch::nn::Module&>(*generator_) : *discriminator_;
    const torch::Tensor pl_mean = objective_->state().at("pl_mean"), before = pl_mean.clone();
    run(phase.name, nullptr, 4);
    const torch::Tensor first = flat_gradient(network);
    pl_mean.copy_(before);
    run(phase.name, nullptr, 4);
    EXPECT_TRUE(flat_gradient(network).equal(first)) << phase.name;
  }
}

TEST_F(StyleGan2ObjectiveTest, PathLengthsMeanMovesTowardsTheBatchs) {
  const torch::Tensor mean = objective_->state().at("pl_mean");
  EXPECT_EQ(mean.item<double>(), 0);
  const double loss = run("g_reg").at("g_reg").item<double>();
  const double after = mean.item<double>();
  EXPECT_GT(after, 0);
  // (lengths - mean)^2 with mean = decay * E lengths: at least weight * (E lengths - mean)^2.
  const double lengths = after / settings_of(recipe_).pl_decay;
  EXPECT_GE(loss, settings_of(recipe_).pl_weight * std::pow(lengths - after, 2) * (1 - 1e-5));
}

/// Networks of three labels, the last of which no fake ever gets.
struct LabelsTest : StyleGan2ObjectiveTest {
  LabelsTest()
      : StyleGan2ObjectiveTest([] {
          Recipe recipe = tiny();
          recipe.network->conditional = true;
          recipe.network->classes = 3;
          recipe.batch = 8;
          return recipe;
        }()) {
    input_.real[0].labels = torch::tensor({0, 1, 2, 0, 1, 2, 0, 1});
    input_.label_shares = torch::tensor({0.5f, 0.5f, 0.0f});
  }
  /// Per label, how long the gradient of its column of a network's embedding is.
  static std::vector<double> embedding_gradient(const torch::nn::Module& network) {
    const torch::Tensor weight = network.named_parameters()["mapping.embed.weight"];
    const torch::Tensor lengths = weight.grad().norm(2, 0).to(torch::kDouble);
    return {lengths.data_ptr<double>(), lengths.data_ptr<double>() + lengths.numel()};
  }
};

TEST_F(LabelsTest, GradientsReachTheEmbeddingsOfTheLabelsThatAreThere) {
  for (const std::string phase : {"g_main", "g_reg"}) {
    run(phase);
    const auto lengths = embedding_gradient(*generator_);
    EXPECT_GT(lengths[0], 0) << phase;
    EXPECT_GT(lengths[1], 0) << phase;
    EXPECT_EQ(lengths[2], 0) << phase;
  }
  for (const std::string phase : {"d_main", "d_reg"}) {
    run(phase);
    for (const double length : embedding_gradient(*discriminator_)) EXPECT_GT(length, 0) << phase;
  }
}

TEST_F(LabelsTest, TheTeacherJudgesAnImageWithItsLabel) {
  const Guidance guidance = guided(1);
  const double before = run("g_main", &guidance).at("g_guidance").item<double>();
  torch::Tensor embedding = teacher_.discriminator()->named_parameters()["mapping.embed.weight"].detach();
  embedding.select(1, 2).add_(1);  // of the label that no fake has
  EXPECT_EQ(run("g_main", &guidance).at("g_guidance").item<double>(), before);
  embedding.select(1, 0).add_(1);
  EXPECT_NE(run("g_main", &guidance).at("g_guidance").item<double>(), before);
}

TEST_F(LabelsTest, ATeacherWithoutLabelsJudgesTheImageAlone) {
  Recipe plain = recipe_;
  plain.network->conditional = false;
  teacher_ = make_networks(plain, {}, torch::kCPU);
  const Guidance guidance = guided(1);
  EXPECT_GT(run("g_main", &guidance).at("g_guidance").item<double>(), 0);
}

}  // namespace
}  // namespace dgl::test
