#include "dgl/guidance/guidance.h"

#include <cmath>

#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

std::shared_ptr<Discriminator> make_discriminator(int64_t seed, int64_t channels = 1, int64_t classes = 0) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  StyleGan2Settings s;
  s.resolution = 8;
  s.img_channels = channels;
  s.channel_max = 4;
  s.classes = classes;
  return std::make_shared<StyleGan2Discriminator>(StyleGan2DiscriminatorShape::make(s, {}));
}

DiscriminatorTeacher make_teacher(std::shared_ptr<Discriminator> discriminator, Schedule lambda,
                                  const char* loss = "logistic") {
  return {.name = "teacher",
          .discriminator = std::move(discriminator),
          .loss = make_adversarial_loss(loss, "loss"),
          .lambda = std::move(lambda)};
}

TEST(AdversarialLoss, Values) {
  const auto s = torch::tensor({-2.0, 0.0, 3.0});
  const auto logistic = make_adversarial_loss("logistic", "k");
  EXPECT_NEAR(logistic->generator(s)[0].item<double>(), std::log1p(std::exp(2.0)), 1e-6);
  EXPECT_NEAR(logistic->discriminator_real(s)[2].item<double>(), std::log1p(std::exp(-3.0)), 1e-6);
  EXPECT_NEAR(logistic->discriminator_fake(s)[1].item<double>(), std::log(2.0), 1e-6);
  const auto hinge = make_adversarial_loss("hinge", "k");
  EXPECT_TRUE(hinge->generator(s).equal(-s));
  EXPECT_TRUE(hinge->discriminator_real(s).equal(torch::tensor({3.0, 1.0, 0.0})));
  EXPECT_TRUE(hinge->discriminator_fake(s).equal(torch::tensor({0.0, 1.0, 4.0})));
  const auto squares = make_adversarial_loss("lsgan", "k");
  EXPECT_TRUE(squares->generator(s).equal((s - 1).square()));
  EXPECT_TRUE(squares->discriminator_real(s).equal((s - 1).square()));
  EXPECT_TRUE(squares->discriminator_fake(s).equal(s.square()));
  expect_error([] { make_adversarial_loss("least squares", "teacher.loss"); }, {"teacher.loss", "least squares"});
}

TEST(Guidance, TermIsTheFormulaAndItsGradientFlowsToTheImagesAlone) {
  const auto discriminator = make_discriminator(1);
  Guidance guidance;
  guidance.add(make_teacher(discriminator, constant_schedule(0.3)), {{1, 8, 8}});
  const auto fake = torch::randn({4, 1, 8, 8}).set_requires_grad(true);
  const auto term = guidance.evaluate({fake, {}, 0.5});
  const auto expected = 0.3 * at::softplus(-discriminator->forward(fake, {}, 1)).mean();
  EXPECT_NEAR(term.loss.item<double>(), expected.item<double>(), 1e-6);
  EXPECT_EQ(term.scores.size(0), 4);
  term.loss.backward();
  ASSERT_TRUE(fake.grad().defined());
  EXPECT_GT(fake.grad().abs().max().item<double>(), 0);
  for (const auto& p : discriminator->parameters()) {
    EXPECT_FALSE(p.requires_grad());
    EXPECT_FALSE(p.grad().defined());
  }
}

TEST(Guidance, ATeacherOfLabelsNeedsAStudentOfAsMany) {
  const auto discriminator = make_discriminator(1, 1, 5);
  Guidance guidance;
  expect_error(
      [&] {
        guidance.add(make_teacher(discriminator, constant_schedule(1)), {{1, 8, 8}, 4});
      },
      {"5 labels", "the student 4"});
  expect_error(
      [&] {
        guidance.add(make_teacher(discriminator, constant_schedule(1)), {{1, 8, 8}});
      },
      {"5 labels", "network.conditional"});
  guidance.add(make_teacher(discriminator, constant_schedule(1)), {{1, 8, 8}, 5});
  const auto fake = torch::randn({4, 1, 8, 8});
  EXPECT_NE(guidance.evaluate({fake, torch::tensor({0, 1, 2, 3})}).loss.item<double>(),
            guidance.evaluate({fake, torch::tensor({4, 1, 2, 3})}).loss.item<double>());
}

TEST(Guidance, SeveralTeachersAddUpEachWithItsSchedule) {
  const auto a = make_discriminator(1), b = make_discriminator(2);
  Guidance guidance;
  guidance.add(make_teacher(a, [](double progress) { return progress; }), {{1, 8, 8}});
  guidance.add(make_teacher(b, constant_schedule(2), "hinge"), {{1, 8, 8}});
  const auto fake = torch::randn({4, 1, 8, 8});
  const double of_a = at::softplus(-a->forward(fake, {}, 1)).mean().item<double>();
  const double of_b = -b->forward(fake, {}, 1).mean().item<double>();
  EXPECT_NEAR(guidance.evaluate({fake, {}, 0.25}).loss.item<double>(), 0.25 * of_a + 2 * of_b, 1e-5);
  EXPECT_NEAR(guidance.evaluate({fake, {}, 0}).loss.item<double>(), 2 * of_b, 1e-5);
}

TEST(Guidance, SilentTeachersGiveNoTerm) {
  Guidance guidance;
  guidance.add(make_teacher(make_discriminator(1), constant_schedule(0)), {{1, 8, 8}});
  EXPECT_FALSE(guidance.evaluate({torch::randn({2, 1, 8, 8}), {}, 0.5}).loss.defined());
}

TEST(Guidance, AWeightScalesEachImagesLoss) {
  const auto discriminator = make_discriminator(1);
  Guidance guidance;
  DiscriminatorTeacher teacher = make_teacher(discriminator, constant_schedule(2));
  teacher.weight = make_weight("score", "weight");
  guidance.add(teacher, {{1, 8, 8}});
  const auto fake = torch::randn({4, 1, 8, 8});
  const auto scores = discriminator->forward(fake, {}, 1);
  const auto expected = 2 * (at::relu(-scores) * at::softplus(-scores)).mean();
  const auto term = guidance.evaluate({fake, {}, 0});
  EXPECT_NEAR(term.loss.item<double>(), expected.item<double>(), 1e-6);
  EXPECT_NEAR(term.weight.item<double>(), at::relu(-scores).mean().item<double>(), 1e-6);
}

// Not with those of the fakes.
TEST(Guidance, RealImagesAreJudgedWithTheirOwnLabels) {
  const auto discriminator = make_discriminator(2, 1, 5);
  Guidance guidance;
  DiscriminatorTeacher teacher = make_teacher(discriminator, constant_schedule(1));
  teacher.weight = make_weight("confidence:0.5", "weight");
  guidance.add(teacher, {{1, 8, 8}, 5});
  const auto real = torch::randn({4, 1, 8, 8}), real_labels = torch::tensor({4, 3, 2, 1}),
             labels = torch::tensor({0, 1, 2, 3});
  const auto fake = torch::randn({4, 1, 8, 8});
  const auto confidence = [&](const torch::Tensor& images, const torch::Tensor& theirs) {
    return at::sigmoid(discriminator->forward(images, theirs, 1)).mean().item<double>();
  };
  const auto term = guidance.evaluate({fake, labels, 0, {}, [&](bool) { return real; }, real_labels});
  EXPECT_NEAR(term.statistics.at("teacher0.confidence").item<double>(),
              confidence(real, real_labels) - confidence(fake, labels), 1e-6);
  EXPECT_GT(std::abs(confidence(real, real_labels) - confidence(real, labels)), 1e-4);
}

TEST(Guidance, WeightsKeepTheirStatesApart) {
  Guidance guidance, resumed;
  for (Guidance* g : {&guidance, &resumed}) {
    for (const int64_t seed : {1, 2}) {
      DiscriminatorTeacher teacher = make_teacher(make_discriminator(seed), constant_schedule(1));
      teacher.weight = make_weight("gradient", "weight");
      g->add(teacher, {{1, 8, 8}});
    }
  }
  EXPECT_EQ(guidance.state().size(), 4u);
  const auto fake = torch::randn({4, 1, 8, 8}).set_requires_grad(true);
  const auto images = fake * 1;
  const GuidanceInput input{.fake = images, .own_loss = images.square().mean()};
  guidance.update_statistics(guidance.evaluate(input).statistics);
  EXPECT_NE(guidance.state().at("teacher0.teacher").item<double>(),
            guidance.state().at("teacher1.teacher").item<double>());
  EXPECT_GT(guidance.state().at("teacher1.own").item<double>(), 0);
  for (auto [name, tensor] : resumed.state()) tensor.copy_(guidance.state().at(name));
  EXPECT_EQ(guidance.evaluate(input).loss.item<double>(), resumed.evaluate(input).loss.item<double>());
}

/// Scores the means of the four quarters of an image, as a discriminator of patches does.
class PatchDiscriminator : public Discriminator {
 public:
  nlohmann::json settings() const override { return {{"family", "patches"}}; }
  Cost cost() const override { return {}; }
  void set_activations(torch::ScalarType) override {}
  int64_t resolution() const override { return 8; }
  int64_t channels() const override { return 1; }
  Judgement judge(const torch::Tensor& images, const torch::Tensor&, int64_t, bool features) override {
    const torch::Tensor quarters = at::avg_pool2d(images, 4);
    return {quarters.flatten(1), features ? std::vector<torch::Tensor>{quarters} : std::vector<torch::Tensor>()};
  }
};

// Losses are taken of every patch, then averaged over an image, then weighted.
TEST(Guidance, ScoresMayBeMaps) {
  const auto patches = std::make_shared<PatchDiscriminator>();
  const auto fake = torch::randn({3, 1, 8, 8}).set_requires_grad(true);
  const auto scores = at::avg_pool2d(fake, 4).flatten(1);
  EXPECT_EQ(patches->judge(fake, {}, 1, true).features.size(), 1u);
  Guidance plain, weighted;
  plain.add(make_teacher(patches, constant_schedule(2)), {{1, 8, 8}});
  const auto term = plain.evaluate({fake});
  EXPECT_NEAR(term.loss.item<double>(), 2 * at::softplus(-scores).mean().item<double>(), 1e-6);
  EXPECT_EQ(term.scores.sizes(), std::vector<int64_t>{3});
  term.loss.backward();
  EXPECT_GT(fake.grad().abs().min().item<double>(), 0);
  DiscriminatorTeacher teacher = make_teacher(patches, constant_schedule(1));
  teacher.weight = make_weight("score", "weight");
  weighted.add(teacher, {{1, 8, 8}});
  const auto of_image = scores.mean(1);
  EXPECT_NEAR(weighted.evaluate({fake}).loss.item<double>(),
              (at::relu(-of_image) * at::softplus(-scores).mean(1)).mean().item<double>(), 1e-6);
}

/// Adds half the images' mean square in domain 1.
struct MeanSquareTerm : GuidanceTerm {
  size_t domain() const override { return 1; }
  GuidanceResult evaluate(const GuidanceInput& input) const override {
    return {.loss = 0.5 * input.fake.square().mean(), .statistics = {{"seen", torch::ones({})}}};
  }
  void update_statistics(const Scalars& statistics) override { seen += statistics.at("seen"); }
  std::map<std::string, torch::Tensor> state() const override { return {{"seen", seen}}; }
  torch::Tensor seen = torch::zeros({});
};

TEST(Guidance, TermsOfOthersJudgeTheirDomainOnly) {
  Guidance guidance;
  guidance.add(make_teacher(make_discriminator(1), constant_schedule(1)), {{1, 8, 8}});
  guidance.add(std::make_unique<MeanSquareTerm>());
  const auto fake = torch::randn({3, 1, 8, 8});
  const auto result = guidance.evaluate({.fake = fake, .domain = 1});
  EXPECT_NEAR(result.loss.item<double>(), 0.5 * fake.square().mean().item<double>(), 1e-6);
  EXPECT_FALSE(result.scores.defined());
  guidance.update_statistics(result.statistics);
  EXPECT_EQ(guidance.state().at("teacher1.seen").item<double>(), 1);
  EXPECT_NE(guidance.evaluate({.fake = fake}).loss.item<double>(), result.loss.item<double>());
}

TEST(Guidance, ATeacherOfAnotherSizeJudgesResizedImages) {
  const auto discriminator = make_discriminator(1, 3);
  Guidance guidance;
  DiscriminatorTeacher teacher = make_teacher(discriminator, constant_schedule(1));
  teacher.resize = true;
  guidance.add(teacher, {{1, 16, 16}});
  const auto fake = torch::randn({4, 1, 16, 16}).set_requires_grad(true);
  const auto term = guidance.evaluate({fake, {}, 0});
  const auto small = at::avg_pool2d(fake, 2).expand({4, 3, 8, 8});
  EXPECT_NEAR(term.loss.item<double>(), at::softplus(-discriminator->forward(small, {}, 1)).mean().item<double>(),
              1e-6);
  term.loss.backward();
  EXPECT_GT(fake.grad().abs().max().item<double>(), 0);
}

TEST(Guidance, RefusesATeacherOfOtherImages) {
  Guidance guidance;
  expect_error(
      [&] {
        guidance.add(make_teacher(make_discriminator(1, 3), constant_schedule(1)), {{1, 8, 8}});
      },
      {"teacher", "3 x 8 x 8", "1 x 8 x 8"});
  expect_error(
      [&] {
        guidance.add(make_teacher(make_discriminator(1), constant_schedule(1)), {{1, 16, 16}});
      },
      {"1 x 16 x 16"});
}

}  // namespace
}  // namespace dgl::test
