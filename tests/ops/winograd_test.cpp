#include "dgl/ops/winograd.h"

#include "dgl/ops/conv2d.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// [n, in, out, height, width]; sides that are no multiple of a tile, fewer tiles than a block, more than one block.
using WinogradShape = std::array<int64_t, 5>;

class Winograd : public ::testing::TestWithParam<WinogradShape> {
 protected:
  void SetUp() override {
    torch::manual_seed(2);
    const auto [n, in, out, height, width] = GetParam();
    x_ = random({n, in, height, width});
    w_ = random({out, in, 3, 3});
    ASSERT_TRUE(ops::winograd_supports(x_.to(torch::kFloat), in, out));
  }
  static double error(const torch::Tensor& value, const torch::Tensor& expected) {
    return ((value.to(torch::kDouble) - expected).abs().max() / expected.abs().max()).item<double>();
  }
  torch::Tensor x_, w_;
};

TEST_P(Winograd, AgreesWithDirectConvolutionInDoublePrecision) {
  for (const int64_t padding : {0, 1, 2}) {
    const auto direct = at::conv2d(x_, w_, {}, at::IntArrayRef{1, 1}, at::IntArrayRef{padding, padding});
    EXPECT_LT(error(ops::winograd_conv2d(x_.to(torch::kFloat), w_.to(torch::kFloat), padding), direct), 1e-5)
        << padding;
  }
}

TEST_P(Winograd, GradientsAgreeInDoublePrecision) {
  for (const int64_t padding : {0, 1, 2}) {
    const torch::Tensor x = x_.clone().set_requires_grad(true), w = w_.clone().set_requires_grad(true);
    const auto y = at::conv2d(x, w, {}, at::IntArrayRef{1, 1}, at::IntArrayRef{padding, padding});
    const torch::Tensor g = random(y.sizes());
    const auto direct = torch::autograd::grad({y}, {x, w}, {g});
    const auto single = g.to(torch::kFloat), weight = w_.to(torch::kFloat);
    EXPECT_LT(error(ops::winograd_input_gradient(single, weight, padding), direct[0]), 1e-5) << padding;
    EXPECT_LT(error(ops::winograd_weight_gradient(x_.to(torch::kFloat), single, padding), direct[1]), 3e-5) << padding;
  }
}

TEST_P(Winograd, ServesTheTripleOfConvolutions) {
  for (const int64_t padding : {0, 1}) {
    check_against_reference([=](const Tensors& t) { return ops::conv2d(t[0], t[1], 1, padding); }, {x_, w_});
  }
}

TEST_P(Winograd, TheSameBitsEveryTime) {
  const auto x = x_.to(torch::kFloat), g = random({x_.size(0), w_.size(0), x_.size(2), x_.size(3)}).to(torch::kFloat);
  EXPECT_TRUE(ops::winograd_weight_gradient(x, g).equal(ops::winograd_weight_gradient(x, g)));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Winograd,
                         ::testing::Values(WinogradShape{1, 16, 16, 8, 8}, WinogradShape{2, 32, 16, 9, 14},
                                           WinogradShape{3, 16, 48, 11, 8}, WinogradShape{5, 64, 32, 32, 32}));

TEST(WinogradServes, OnlyWhatItCan) {
  const auto x = torch::zeros({1, 16, 8, 8});
  EXPECT_TRUE(ops::winograd_supports(x, 16, 16));
  EXPECT_FALSE(ops::winograd_supports(x, 16, 17));
  EXPECT_FALSE(ops::winograd_supports(x, 1, 16));
  EXPECT_FALSE(ops::winograd_supports(x.to(torch::kDouble), 16, 16));
  EXPECT_FALSE(ops::winograd_supports(torch::zeros({1, 16, 4, 4}), 16, 16));
}

}  // namespace
}  // namespace dgl::test
