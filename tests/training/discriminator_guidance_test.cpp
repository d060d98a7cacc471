#include "dgl/guidance/discriminator_guidance.h"

#include <gtest/gtest.h>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/guidance/guided_loss.h"
#include "dgl/training/networks.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

/// A student's discriminator, a teacher, and a batch for them.
class DiscriminatorGuidanceTest : public ::testing::Test {
 protected:
  DiscriminatorGuidanceTest() {
    const Recipe recipe =
        parse_recipe("[network]\nresolution = 8\nimg_channels = 1\nchannel_max = 6\nz_dim = 5\nw_dim = 5\n", "test");
    torch::manual_seed(1);
    student_ = make_networks(recipe, {}, torch::kCPU);
    teacher_ = make_networks(recipe, {}, torch::kCPU);
    input_.real = {{torch::randn({4, 1, 8, 8}), {}}};
    fake_.images = torch::randn({4, 1, 8, 8});
  }

  DiscriminatorTeacher teacher(const std::string& name) const {
    return {.name = name, .discriminator = teacher_.discriminator(), .loss = loss_, .lambda = constant_schedule(0)};
  }
  Guidance guided(const DiscriminatorGuidance& how) const {
    Guidance guidance;
    guidance.add(teacher("teacher"), {{1, 8, 8}});
    guidance.guide_discriminator(how, teacher_.best<Generator>("generator"), {{1, 8, 8}});
    return guidance;
  }
  StepOutput judge(const DiscriminatorGuidance& how) { return judge(guided(how)); }
  /// With the same random numbers every time.
  StepOutput judge(const Guidance& guidance) {
    input_.guidance = &guidance;
    input_.random = make_random(torch::kCPU, 3);
    StepOutput output;
    const Tensor loss = discriminator_loss(*loss_, *student_.discriminator(), fake_, input_, output);
    Tensor sum = torch::zeros({});
    for (const auto& [name, value] : output.losses) sum = sum + value;
    EXPECT_NEAR(loss.item<double>(), sum.item<double>(), 1e-5);
    return output;
  }
  Tensor scores(const NetworkSet& model, const Tensor& images) const {
    return model.discriminator()->forward(images, {}).detach();
  }
  /// The teacher's images that `judge` draws after `before` numbers.
  Tensor teacher_images(bool after_a_choice) const {
    const at::Generator random = make_random(torch::kCPU, 3);
    if (after_a_choice) at::rand({1}, random, torch::kFloat);
    const Tensor z = torch::randn({4, 5}, random, torch::kFloat);
    return teacher_.best<Generator>("generator")->sample({z}, {1, random}).detach();
  }
  static void expect_near(const Tensor& value, const Tensor& expected) {
    EXPECT_NEAR(value.item<double>(), expected.item<double>(), 1e-5);
  }

  const std::shared_ptr<const AdversarialLoss> loss_ = make_adversarial_loss("logistic", "loss");
  NetworkSet student_, teacher_;
  StepInput input_;
  Batch fake_;
};

TEST_F(DiscriminatorGuidanceTest, NoneLeavesTheGameAlone) {
  const StepOutput output = judge(DiscriminatorGuidance{});
  EXPECT_EQ(output.losses.size(), 1u);
  expect_near(output.losses.at("d_main"), at::softplus(-scores(student_, input_.real[0].images)).mean() +
                                              at::softplus(scores(student_, fake_.images)).mean());
}

// The authors' forms, over real and generated images.
TEST_F(DiscriminatorGuidanceTest, ProbabilitiesAndFeaturesAreAligned) {
  DiscriminatorGuidance how;
  how.align_probability = 0.5;
  how.align_features = 2;
  const StepOutput output = judge(how);
  Tensor entropy = torch::zeros({}), difference = torch::zeros({});
  for (const Tensor& x : {input_.real[0].images, fake_.images}) {
    const Tensor p = at::sigmoid(scores(teacher_, x)), q = at::sigmoid(scores(student_, x));
    entropy = entropy - (p * q.log() + (1 - p) * (1 - q).log()).mean() / 2;
    const auto features = [&](const NetworkSet& model) {
      return model.discriminator()->judge(x, {}, 1, true).features;
    };
    ASSERT_EQ(features(student_).size(), 1u);
    difference = difference + (features(student_)[0] - features(teacher_)[0]).abs().mean().detach() / 2;
  }
  expect_near(output.losses.at("d_align_probability"), 0.5 * entropy);
  expect_near(output.losses.at("d_align_features"), 2 * difference);
}

TEST_F(DiscriminatorGuidanceTest, APriorIsPartOfTheScores) {
  DiscriminatorGuidance how;
  how.logit_prior = 0.5;
  const StepOutput output = judge(how);
  const auto sum = [&](const Tensor& x) { return scores(student_, x) + 0.5 * scores(teacher_, x); };
  expect_near(output.losses.at("d_main"),
              at::softplus(-sum(input_.real[0].images)).mean() + at::softplus(sum(fake_.images)).mean());
  expect_near(output.scores.at("real"), sum(input_.real[0].images).mean());
}

TEST_F(DiscriminatorGuidanceTest, TeacherDataTakesThePlaceOfRealImages) {
  DiscriminatorGuidance how;
  how.teacher_data = 1;
  expect_near(judge(how).scores.at("real"), scores(student_, teacher_images(true)).mean());
  // A share of batches.
  how.teacher_data = 0.4;
  const Guidance guidance = guided(how);
  input_.guidance = &guidance;
  const double real = scores(student_, input_.real[0].images).mean().item<double>();
  int64_t from_teacher = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    input_.random = make_random(torch::kCPU, seed);
    StepOutput output;
    discriminator_loss(*loss_, *student_.discriminator(), fake_, input_, output);
    from_teacher += std::abs(output.scores.at("real").item<double>() - real) > 1e-6;
  }
  EXPECT_NEAR(static_cast<double>(from_teacher) / 300, 0.4, 0.1);
}

TEST_F(DiscriminatorGuidanceTest, TheDualityGapTakesTheTeachersImagesForFakes) {
  DiscriminatorGuidance how;
  how.duality_gap = 0.3;
  expect_near(judge(how).losses.at("d_duality"), 0.3 * at::softplus(scores(student_, teacher_images(false))).mean());
}

TEST_F(DiscriminatorGuidanceTest, SmoothLabelsAreTheTeachersOpinion) {
  DiscriminatorGuidance how;
  how.smooth_labels = true;
  const Tensor real =
      at::sigmoid(scores(teacher_, input_.real[0].images)) * at::softplus(-scores(student_, input_.real[0].images));
  const Tensor fake = (1 - at::sigmoid(scores(teacher_, fake_.images))) * at::softplus(scores(student_, fake_.images));
  expect_near(judge(how).losses.at("d_main"), real.mean() + fake.mean());
}

TEST_F(DiscriminatorGuidanceTest, AlignmentDrawsScoresToTheTeachers) {
  DiscriminatorGuidance how;
  how.align = 0.7;
  const auto difference = [&](const Tensor& images) {
    return (scores(student_, images) - scores(teacher_, images)).square();
  };
  expect_near(judge(how).losses.at("d_align"),
              0.7 * (difference(input_.real[0].images) + difference(fake_.images)).mean() / 2);
}

TEST_F(DiscriminatorGuidanceTest, AllImagesAreAugmentedBeforeTheyAreJudged) {
  AugmentationOptions options{.operations = "cutout", .ada_target = 0.6};
  const Augmentation augmentation(options);  // p is 0 as yet
  input_.augmentation = &augmentation;
  const StepOutput output = judge(DiscriminatorGuidance{});
  expect_near(output.statistics.at("augment_sign"), scores(student_, input_.real[0].images).sign().mean());
  options.ada_target = 0;
  const Augmentation all(options);
  input_.augmentation = &all;
  DiscriminatorGuidance how;
  how.align = 1;
  EXPECT_NE(judge(how).losses.at("d_main").item<double>(), output.losses.at("d_main").item<double>());
  EXPECT_EQ(output.losses.count("augment_sign"), 0u);
}

TEST_F(DiscriminatorGuidanceTest, ATeacherThatCannotGiveImagesIsRefused) {
  DiscriminatorGuidance how;
  how.teacher_data = 0.5;
  const auto add = [&](std::shared_ptr<Generator> generator, int64_t resolution) {
    Guidance guidance;
    guidance.add(teacher("t.safetensors"), {{1, 8, 8}});
    guidance.guide_discriminator(how, std::move(generator), {{1, resolution, resolution}});
  };
  expect_error([&] { add(nullptr, 8); }, {"t.safetensors", "no generator"});
  expect_error([&] { add(teacher_.network<Generator>("generator"), 16); },
               {"t.safetensors", "1 x 8 x 8", "1 x 16 x 16"});
  add(teacher_.network<Generator>("generator"), 8);
}

}  // namespace
}  // namespace dgl::test
