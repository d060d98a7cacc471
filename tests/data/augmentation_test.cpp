#include "dgl/data/augmentation.h"

#include <gtest/gtest.h>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"

namespace dgl::test {
namespace {

using torch::Tensor;

/// 40 batches from 0 to 1.
AugmentationOptions adaptive() { return {.operations = "cutout", .ada_target = 0.5, .ada_images = 400, .batch = 10}; }

/// Lets the augmentation see a batch of real scores.
void see(Augmentation& augmentation, const Tensor& scores, bool real = true) {
  std::map<std::string, Tensor> statistics;
  augmentation.watch(scores, real, statistics);
  augmentation.update_statistics(statistics);
}

TEST(Augmentation, WithoutOperationsThereIsNone) {
  EXPECT_FALSE(Augmentation(AugmentationOptions{}).any());
  EXPECT_TRUE(Augmentation(adaptive()).any());
}

TEST(Augmentation, ChangesTheRecipesShareOfImages) {
  AugmentationOptions options = adaptive();
  options.ada_target = 0;
  options.probability = 0.3;
  Augmentation augmentation(options);
  const Tensor changed = augmentation(torch::ones({2000, 1, 8, 8}), make_random(torch::kCPU, 1));
  EXPECT_NEAR(changed.flatten(1).amin(1).lt(1).to(torch::kFloat).mean().item<double>(), 0.3, 0.04);
  see(augmentation, torch::ones({10}));
  EXPECT_FLOAT_EQ(static_cast<float>(augmentation.probability()), 0.3f);
  EXPECT_TRUE(augmentation.state().empty());
}

// Every four batches p moves by 4 * 10 / 400 = 0.1 towards where E sign(D(x)) is the target.
TEST(Augmentation, AdaptsToTheSignsOfRealScores) {
  Augmentation augmentation(adaptive());
  EXPECT_EQ(augmentation.probability(), 0);
  const Tensor images = torch::ones({4, 1, 8, 8}), sure = torch::ones({10});
  EXPECT_TRUE(augmentation(images, make_random(torch::kCPU, 1)).equal(images));
  for (int i = 0; i < 3; ++i) see(augmentation, sure);
  EXPECT_EQ(augmentation.probability(), 0);
  see(augmentation, sure);
  EXPECT_NEAR(augmentation.probability(), 0.1, 1e-6);
  for (int i = 0; i < 8; ++i) see(augmentation, sure);
  EXPECT_NEAR(augmentation.probability(), 0.3, 1e-6);
  // r = 0.5 is the target, r = 0.25 below it: the mean of four batches counts.
  for (const double r : {1.0, 0.5, 0.5, 0.0})
    see(augmentation, torch::where(torch::arange(20) < 10 + 10 * r, 1.0, -1.0));
  EXPECT_NEAR(augmentation.probability(), 0.3, 1e-6);
  for (int i = 0; i < 4; ++i) see(augmentation, -sure);
  EXPECT_NEAR(augmentation.probability(), 0.2, 1e-6);
  for (int i = 0; i < 100; ++i) see(augmentation, -sure);
  EXPECT_EQ(augmentation.probability(), 0);
  for (int i = 0; i < 100; ++i) see(augmentation, sure);
  EXPECT_EQ(augmentation.probability(), 1);
}

TEST(Augmentation, ATeachersImagesSayNothingOfRealOnes) {
  Augmentation augmentation(adaptive());
  for (int i = 0; i < 4; ++i) {
    see(augmentation, torch::ones({10}));
    see(augmentation, -torch::ones({10}), /*real=*/false);
  }
  EXPECT_NEAR(augmentation.probability(), 0.1, 1e-6);
}

TEST(Augmentation, ItsStateIsAllThatAResumedRunNeeds) {
  Augmentation one(adaptive()), other(adaptive());
  for (int i = 0; i < 6; ++i) see(one, torch::ones({10}));
  for (auto [name, tensor] : other.state()) tensor.copy_(one.state().at(name));
  for (int i = 0; i < 2; ++i) {
    see(one, torch::ones({10}));
    see(other, torch::ones({10}));
  }
  EXPECT_EQ(one.probability(), other.probability());
  EXPECT_NEAR(one.probability(), 0.2, 1e-6);
}

}  // namespace
}  // namespace dgl::test
