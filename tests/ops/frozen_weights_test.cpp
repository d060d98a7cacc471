#include "dgl/ops/frozen_weights.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/ops/conv2d.h"

namespace dgl::test {
namespace {

using ops::FrozenWeights;
using torch::Tensor;

/// How often twice the weight is computed when it is asked for twice.
int64_t times(const Tensor& weight) {
  int64_t count = 0;
  for (int i = 0; i < 2; ++i) {
    const Tensor twice = FrozenWeights::derived(weight, "twice", [&] {
      ++count;
      return weight * 2;
    });
    EXPECT_TRUE(twice.equal(weight * 2));
  }
  return count;
}

TEST(FrozenWeights, AreDerivedFromOnceWithoutGradients) {
  const Tensor weight = torch::randn({3, 4});
  EXPECT_EQ(times(weight), 2);
  {
    const FrozenWeights frozen;
    EXPECT_EQ(times(weight), 2) << "gradients may be wanted";
    const torch::NoGradGuard no_grad;
    {
      const FrozenWeights inner;
      EXPECT_EQ(times(weight), 1);
    }
    EXPECT_EQ(times(weight), 0) << "kept by the outer one";
    EXPECT_EQ(times(weight.t()), 1) << "another shape of the same memory";
    EXPECT_EQ(times(weight.clone()), 1);
  }
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(times(weight), 2);
}

// A weight that changes afterwards is not mistaken for what it was.
TEST(FrozenWeights, ConvolutionsAreTheSame) {
  const torch::NoGradGuard no_grad;
  const Tensor x = torch::randn({2, 32, 16, 16}), w = torch::randn({32, 32, 3, 3});
  for (const int64_t stride : {1, 2}) {
    for (int round = 0; round < 2; ++round) {
      w.mul_(0.5);
      const Tensor once = ops::conv2d(x, w, stride, 1);
      const FrozenWeights frozen;
      EXPECT_TRUE(ops::conv2d(x, w, stride, 1).equal(once));
      EXPECT_TRUE(ops::conv2d(x, w, stride, 1).equal(once));
    }
  }
}

}  // namespace
}  // namespace dgl::test
