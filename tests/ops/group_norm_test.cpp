#include "dgl/ops/group_norm.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

using Activation = ops::NormActivation;

/// Of 32 channels, which the fast path takes, or 6, which it does not; with each activation.
struct GroupNormShape {
  int64_t channels, groups;
  Activation activation;
};

class GroupNorm : public ::testing::TestWithParam<GroupNormShape> {
 protected:
  GroupNorm() {
    torch::manual_seed(5);
    const int64_t channels = GetParam().channels;
    const auto random = [](at::IntArrayRef sizes) { return torch::randn(sizes, torch::kDouble); };
    inputs_ = {random({3, channels, 4, 5}) * 2 + random({channels, 1, 1}), random({channels}) + 1, random({channels})};
  }
  static torch::Tensor apply(const Tensors& t) {
    return ops::group_norm(t[0], GetParam().groups, t[1], t[2], 1e-6, GetParam().activation);
  }
  Tensors inputs_;
};

TEST_P(GroupNorm, AgreesWithTheReference) { check_against_reference(apply, inputs_, 5e-5); }

TEST_P(GroupNorm, Derivatives) { check_derivatives(apply, inputs_); }

TEST_P(GroupNorm, Bfloat16) { check_bfloat16(apply, inputs_, {0}); }

// First derivatives as they are without second ones in sight, which is another path.
TEST_P(GroupNorm, TheSameGradientsInOneSweep) {
  Tensors at;
  for (const auto& t : inputs_) at.push_back(t.to(torch::kFloat).set_requires_grad(true));
  const torch::Tensor weight = torch::randn_like(apply(at));
  const Tensors once = gradients(apply, at, weight, false), again = gradients(apply, at, weight, true);
  for (size_t i = 0; i < at.size(); ++i) {
    EXPECT_LT((once[i] - again[i]).norm().item<double>(), 1e-5 * (1 + again[i].norm().item<double>())) << i;
  }
}

// A mean far from 0 costs no precision, and large values neither overflow nor underflow in SiLU.
TEST_P(GroupNorm, ExtremeNumbers) {
  Tensors t;
  for (const auto& input : inputs_) t.push_back(input.to(torch::kFloat));
  t[0] = t[0] + 1000;
  t[1] = t[1] * 200;
  const torch::Tensor y = apply(t);
  const ReferenceGuard reference;
  const torch::Tensor exact = apply({t[0].to(torch::kDouble), t[1].to(torch::kDouble), t[2].to(torch::kDouble)});
  EXPECT_LT((y.to(torch::kDouble) - exact).abs().max().item<double>(), 1e-4 * exact.abs().max().item<double>());
}

// A run that diverges is to be seen.
TEST_P(GroupNorm, PropagatesNaN) {
  Tensors t;
  for (const auto& input : inputs_) t.push_back(input.to(torch::kFloat));
  t[0][1][2][1][1] = std::numeric_limits<float>::quiet_NaN();
  const torch::Tensor y = apply(t);
  const int64_t group = 2 / (GetParam().channels / GetParam().groups);
  EXPECT_TRUE(y[1].chunk(GetParam().groups)[static_cast<size_t>(group)].isnan().all().item<bool>());
  EXPECT_FALSE(y[0].isnan().any().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, GroupNorm,
    ::testing::Values(GroupNormShape{32, 8, Activation::silu}, GroupNormShape{32, 8, Activation::none},
                      GroupNormShape{32, 1, Activation::silu}, GroupNormShape{6, 3, Activation::silu},
                      GroupNormShape{6, 6, Activation::none}, GroupNormShape{32, 32, Activation::relu},
                      GroupNormShape{6, 2, Activation::relu}));

}  // namespace
}  // namespace dgl::test
