#include "ops/amx.h"

#include "ops/conv2d.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// Where the processor has no matrix unit these are the convolutions that stand in for it.
struct Case {
  int64_t n, in, out, height, width, stride, padding;
};

class Amx : public ::testing::TestWithParam<Case> {
 protected:
  Amx() {
    torch::manual_seed(4);
    const Case c = GetParam();
    const auto outputs = [&](int64_t size) { return (size + 2 * c.padding - 3) / c.stride + 1; };
    x_ = rounded({c.n, c.in, c.height, c.width});
    w_ = rounded({c.out, c.in, 3, 3});
    g_ = rounded({c.n, c.out, outputs(c.height), outputs(c.width)});
  }
  /// Numbers that bfloat16 has, so that products are exact.
  static torch::Tensor rounded(at::IntArrayRef sizes) { return random(sizes).to(torch::kBFloat16).to(torch::kDouble); }
  /// As near as bfloat16 stores it; libtorch's own convolutions sum in bfloat16 on some processors.
  static void expect_near(const char* what, const torch::Tensor& value, const torch::Tensor& expected) {
    ASSERT_EQ(value.sizes(), expected.sizes()) << what;
    const double error = ((value.to(torch::kDouble) - expected).abs().max() / expected.abs().max()).item<double>();
    EXPECT_LT(error, ops::amx_serves(torch::zeros({1}, torch::kBFloat16), 32, 32) ? 1.0 / 256 : 0.03) << what;
  }
  torch::Tensor x_, w_, g_;
};

TEST_P(Amx, TheTripleOfConvolutionsAgreesInDoublePrecision) {
  const Case c = GetParam();
  const torch::Tensor x = x_.clone().set_requires_grad(true), w = w_.clone().set_requires_grad(true);
  const auto y = at::conv2d(x, w, {}, at::IntArrayRef{c.stride, c.stride}, at::IntArrayRef{c.padding, c.padding});
  const auto expected = torch::autograd::grad({y}, {x, w}, {g_});

  const torch::Tensor half = x_.to(torch::kBFloat16).set_requires_grad(true), weight = w_.to(torch::kFloat).set_requires_grad(true);
  const auto value = ops::conv2d(half, weight, c.stride, c.padding);
  const auto gradients = torch::autograd::grad({value}, {half, weight}, {g_.to(torch::kBFloat16)});
  EXPECT_EQ(value.scalar_type(), torch::kBFloat16);
  expect_near("value", value, y);
  expect_near("gradient to the data", gradients[0], expected[0]);
  expect_near("gradient to the weight", gradients[1], expected[1]);
}

TEST_P(Amx, TheSameBitsEveryTime) {
  const Case c = GetParam();
  const auto once = [&] {
    const torch::Tensor x = x_.to(torch::kBFloat16).set_requires_grad(true), w = w_.to(torch::kFloat).set_requires_grad(true);
    const auto y = ops::conv2d(x, w, c.stride, c.padding);
    auto all = torch::autograd::grad({y}, {x, w}, {g_.to(torch::kBFloat16)});
    all.push_back(y);
    return all;
  };
  const auto first = once(), second = once();
  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].equal(second[i]));
}

// Rows of sixteens and rows that are not; several images in a block, several blocks in an image; odd sizes that a stride of two
// leaves a row of; one pixel.
INSTANTIATE_TEST_SUITE_P(Shapes, Amx,
                         ::testing::Values(Case{1, 32, 32, 16, 16, 1, 1}, Case{3, 64, 32, 9, 14, 1, 1}, Case{2, 32, 96, 4, 4, 1, 1},
                                           Case{1, 32, 32, 1, 1, 1, 1}, Case{1, 128, 32, 48, 64, 1, 1}, Case{2, 32, 64, 10, 7, 1, 0},
                                           Case{2, 64, 32, 17, 17, 2, 0}, Case{3, 32, 64, 16, 18, 2, 1}, Case{1, 32, 32, 65, 65, 2, 0},
                                           Case{2, 32, 32, 12, 9, 2, 0}, Case{7, 32, 32, 5, 5, 2, 1}));

}  // namespace
}  // namespace dgl::test
