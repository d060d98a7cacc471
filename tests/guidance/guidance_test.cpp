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
  const auto term = guidance.evaluate({fake, labels, 0, {}, [&] { return real; }, real_labels});
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
