#include "dgl/guidance/weight.h"

#include <cmath>

#include "dgl/base/torch.h"
#include "dgl/guidance/fit_images.h"
#include "dgl/losses/adversarial.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;
using Statistics = std::map<std::string, Tensor>;

/// A teacher whose score is `scale` times the sum of an image's pixels, and a student's discriminator whose loss has
/// the gradient `own` at every pixel.
struct Game {
  Tensor fake = torch::randn({4, 1, 2, 2}).set_requires_grad(true);
  Tensor images = fake * 1;
  Tensor real_scores = torch::tensor({3.0f, 1.0f});

  WeightInput input(double scale, double own) const {
    const Tensor scores = scale * images.sum({1, 2, 3});
    return {images, scores, -scores.mean(), own * images.sum({1, 2, 3}).mean(), [this] { return real_scores; }, {}};
  }
};

TEST(Weight, UniformIsNone) { EXPECT_EQ(make_weight("uniform", "k"), nullptr); }

TEST(Weight, ScoreIsTheNegativeScoreOfWhatTheTeacherTakesForFake) {
  WeightInput input;
  input.scores = torch::tensor({-2.0f, 0.5f, -0.25f}).set_requires_grad(true);
  Statistics statistics;
  const Tensor weight = make_weight("score", "k")->evaluate(input, statistics);
  EXPECT_TRUE(weight.equal(torch::tensor({2.0f, 0.0f, 0.25f})));
  EXPECT_FALSE(weight.requires_grad());
}

TEST(Weight, GradientBringsTheTeachersGradientToTheStudents) {
  const Game game;
  const auto weight = make_weight("gradient:0.5", "k");
  Statistics statistics;
  const auto input = game.input(/*scale=*/-4, /*own=*/3);
  EXPECT_NEAR(weight->evaluate(input, statistics).item<double>(), 0.75, 1e-6);
  // Scaled so, the term's gradient is as large as the student's own.
  const Tensor own = torch::autograd::grad({input.own_loss}, {game.images}, {}, true)[0];
  const Tensor teacher = torch::autograd::grad({0.75 * input.loss}, {game.images}, {}, true)[0];
  EXPECT_NEAR(own.norm().item<double>(), teacher.norm().item<double>(), 1e-6);

  // Means over steps: (0.5 * 3 + 0.25 * 6) / (0.5 * 4 + 0.25 * 4), decayed from 0, the newest last.
  weight->update_statistics(statistics);
  EXPECT_NEAR(weight->evaluate(game.input(4, 6), statistics).item<double>(), 0.75, 1e-6);
  weight->update_statistics(statistics);
  EXPECT_NEAR(weight->evaluate(game.input(1, 1), statistics).item<double>(),
              (0.25 * 3 + 0.5 * 6) / (0.25 * 4 + 0.5 * 4), 1e-6);
}

TEST(Weight, GradientIsBoundedAndNeverNaN) {
  const Game game;
  const auto weight = make_weight("gradient:0.9,10", "k");
  Statistics statistics;
  EXPECT_EQ(weight->evaluate(game.input(1e-6, 1), statistics).item<double>(), 10);
  EXPECT_EQ(weight->evaluate(game.input(0, 1), statistics).item<double>(), 10);
  EXPECT_EQ(weight->evaluate(game.input(0, 0), statistics).item<double>(), 0);
}

// VQGAN's adaptive weight (arXiv 2012.09841, eq. 7), written down for a last layer of two numbers.
TEST(Weight, LastLayerComparesGradientsOnTheGeneratorsLastWeight) {
  const Tensor weight = torch::tensor({1.0f, -2.0f}).set_requires_grad(true);
  const Tensor features = torch::randn({3, 2});
  const auto input = [&](double own, double teacher) {
    const Tensor images = features.matmul(weight).view({3, 1, 1, 1});
    const Tensor scores = teacher * images.view({3});
    return WeightInput{images, scores, -scores.mean(), own * images.square().mean(), {}, weight};
  };
  const auto expected = [&](double own, double teacher) {
    const Tensor images = features.matmul(weight.detach());
    const Tensor of_own = (2 * own * images).unsqueeze(1).mul(features).mean(0);
    return of_own.norm().item<double>() / (teacher * features.mean(0)).norm().item<double>();
  };
  Statistics statistics;
  const auto now = make_weight("last_layer:0,1e4", "k");
  EXPECT_NEAR(now->evaluate(input(1, 2), statistics).item<double>(), expected(1, 2), 1e-5);
  now->update_statistics(statistics);
  // Without decay the step at hand alone counts.
  EXPECT_NEAR(now->evaluate(input(5, 1), statistics).item<double>(), expected(5, 1), 1e-4);

  const auto tracked = make_weight("last_layer:0.5,1e4", "k");
  tracked->evaluate(input(1, 2), statistics);
  tracked->update_statistics(statistics);
  EXPECT_NEAR(tracked->evaluate(input(5, 1), statistics).item<double>(), expected(1, 2), 1e-5);

  const Game game;
  expect_error([&] { tracked->evaluate(game.input(1, 1), statistics); }, {"last_layer"});
}

TEST(Weight, BelowRealIsSilentAboutImagesThatLookRealEnough) {
  const Game game;  // real images score 3 and 1
  const auto weight = make_weight("below_real:0.5", "k");
  WeightInput input = game.input(1, 1);
  input.scores = torch::tensor({-1.0f, 1.9f, 2.1f});
  Statistics statistics;
  EXPECT_TRUE(weight->evaluate(input, statistics).equal(torch::tensor({1.0f, 1.0f, 0.0f})));
  weight->update_statistics(statistics);
  // The mean over steps: (0.25 * 2 + 0.5 * -1) / 0.75 = 0.
  Game low;
  low.real_scores = torch::tensor({-1.0f});
  WeightInput other = low.input(1, 1);
  other.scores = input.scores;
  EXPECT_TRUE(weight->evaluate(other, statistics).equal(torch::tensor({1.0f, 1.0f, 0.0f})));
  weight->update_statistics(statistics);
  other.scores = torch::tensor({-0.1f, 0.1f, 1.9f});
  EXPECT_TRUE(weight->evaluate(other, statistics).equal(torch::tensor({1.0f, 0.0f, 0.0f})));
}

TEST(Weight, ConfidenceIsHowWellTheTeacherTellsRealFromFake) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const Game game;
  const auto weight = make_weight("confidence:0.5", "k");
  WeightInput input = game.input(1, 1);
  input.scores = torch::tensor({-1.0f, -1.0f});
  Statistics statistics;
  const double first = (sigmoid(3) + sigmoid(1)) / 2 - sigmoid(-1);
  EXPECT_NEAR(weight->evaluate(input, statistics).item<double>(), first, 1e-6);
  weight->update_statistics(statistics);
  // A teacher that takes fakes for real says nothing, once that has been tracked for a while.
  input.scores = torch::tensor({9.0f, 9.0f});
  const double second = (sigmoid(3) + sigmoid(1)) / 2 - sigmoid(9);
  EXPECT_NEAR(weight->evaluate(input, statistics).item<double>(), first, 1e-6);
  weight->update_statistics(statistics);
  EXPECT_NEAR(weight->evaluate(input, statistics).item<double>(), (0.25 * first + 0.5 * second) / 0.75, 1e-6);
  for (int i = 0; i < 20; ++i) weight->update_statistics(statistics);
  EXPECT_EQ(weight->evaluate(input, statistics).item<double>(), 0);
}

TEST(Weight, StateIsAllThatAResumedRunNeeds) {
  const Game game;
  for (const char* name : {"gradient", "confidence:0.9", "below_real:0.9"}) {
    const auto weight = make_weight(name, "k"), resumed = make_weight(name, "k");
    Statistics statistics;
    for (const double scale : {1.0, 2.0, 0.5}) {
      statistics.clear();
      weight->evaluate(game.input(scale, 1), statistics);
      weight->update_statistics(statistics);
    }
    for (auto [key, tensor] : resumed->state()) tensor.copy_(weight->state().at(key));
    EXPECT_TRUE(weight->evaluate(game.input(3, 1), statistics).equal(resumed->evaluate(game.input(3, 1), statistics)))
        << name;
  }
}

TEST(Weight, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "loud", "uniform:1", "score:2", "gradient:1", "gradient:0.9,0", "gradient:0.9,1,2",
                           "confidence:x", "last_layer:1", "below_real:0.9,1"}) {
    expect_error([&] { make_weight(text, "guidance.weight"); }, {"guidance.weight"});
  }
}

TEST(FitImages, ReducesEnlargesAndChangesChannels) {
  const Tensor gray = torch::arange(16.0f).view({1, 1, 4, 4});
  EXPECT_TRUE(fit_images(gray, 1, 4).equal(gray));
  EXPECT_TRUE(fit_images(gray, 1, 2).equal(torch::tensor({2.5f, 4.5f, 10.5f, 12.5f}).view({1, 1, 2, 2})));
  EXPECT_EQ(fit_images(gray, 3, 8).sizes(), (std::vector<int64_t>{1, 3, 8, 8}));
  // Bilinear with pixel centers at halves: the second sample of a row lies a quarter of the way from 0 to 1.
  EXPECT_NEAR(fit_images(gray, 1, 8)[0][0][0][1].item<double>(), 0.25, 1e-6);
  const Tensor rgb = torch::tensor({1.0f, 2.0f, 3.0f}).view({1, 3, 1, 1}).expand({1, 3, 4, 4});
  EXPECT_NEAR(fit_images(rgb, 1, 4)[0][0][1][1].item<double>(), 0.299 + 2 * 0.587 + 3 * 0.114, 1e-6);
}

TEST(FitImages, LetsGradientsThrough) {
  for (const int64_t resolution : {2, 4, 8}) {
    const Tensor images = torch::randn({2, 3, 4, 4}).set_requires_grad(true);
    fit_images(images, 1, resolution).sum().backward();
    // Every pixel counts, and all together as often as the resized image has pixels.
    EXPECT_GT(images.grad().min().item<double>(), 0);
    EXPECT_NEAR(images.grad().sum().item<double>(), static_cast<double>(2 * resolution * resolution), 1e-3);
  }
}

}  // namespace
}  // namespace dgl::test
