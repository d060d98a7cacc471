#include "dgl/ops/amx.h"

#include "dgl/ops/conv2d.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// Where the processor has no matrix unit these are the convolutions that stand in for it.
struct AmxCase {
  int64_t n, in, out, height, width, stride, padding;
};

class Amx : public ::testing::TestWithParam<AmxCase> {
 protected:
  Amx() {
    torch::manual_seed(4);
    const AmxCase c = GetParam();
    const auto outputs = [&](int64_t size) { return (size + 2 * c.padding - 3) / c.stride + 1; };
    x_ = rounded({c.n, c.in, c.height, c.width});
    w_ = rounded({c.out, c.in, 3, 3});
    g_ = rounded({c.n, c.out, outputs(c.height), outputs(c.width)});
  }
  /// Numbers that bfloat16 has, so that products are exact.
  static torch::Tensor rounded(at::IntArrayRef sizes) { return random(sizes).to(torch::kBFloat16).to(torch::kDouble); }
  /// Value and gradients of ops::conv2d in bfloat16.
  Tensors values() const {
    const AmxCase c = GetParam();
    const torch::Tensor x = x_.to(torch::kBFloat16).set_requires_grad(true),
                        w = w_.to(torch::kFloat).set_requires_grad(true);
    const auto y = ops::conv2d(x, w, c.stride, c.padding);
    EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
    auto all = torch::autograd::grad({y}, {x, w}, {g_.to(torch::kBFloat16)});
    all.insert(all.begin(), y.detach());
    return all;
  }
  torch::Tensor x_, w_, g_;
};

// As near as bfloat16 stores it; where there is no matrix unit, no further than twice as far as stock bfloat16
// convolutions, which sum in bfloat16 on some processors.
TEST_P(Amx, TheTripleOfConvolutionsAgreesInDoublePrecision) {
  const AmxCase c = GetParam();
  const torch::Tensor x = x_.clone().set_requires_grad(true), w = w_.clone().set_requires_grad(true);
  const auto y = at::conv2d(x, w, {}, at::IntArrayRef{c.stride, c.stride}, at::IntArrayRef{c.padding, c.padding});
  auto expected = torch::autograd::grad({y}, {x, w}, {g_});
  expected.insert(expected.begin(), y.detach());

  const Tensors fast = values();
  const ReferenceGuard reference;
  const Tensors stock = values();
  const char* what[] = {"value", "gradient to the data", "gradient to the weight"};
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(fast[i].sizes(), expected[i].sizes()) << what[i];
    const auto error = [&](const torch::Tensor& value) {
      return ((value.to(torch::kDouble) - expected[i]).abs().max() / expected[i].abs().max()).item<double>();
    };
    const bool direct = ops::amx_supports(torch::zeros({1}, torch::kBFloat16), 32, 32);
    EXPECT_LT(error(fast[i]), 1.0 / 256 + (direct ? 0 : 2 * error(stock[i]))) << what[i];
  }
}

TEST_P(Amx, TheSameBitsEveryTime) {
  const auto first = values(), second = values();
  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].equal(second[i]));
}

// Rows of sixteens and rows that are not; several images in a block, several blocks in an image; odd sizes that a
// stride of two leaves a row of; one pixel.
INSTANTIATE_TEST_SUITE_P(Shapes, Amx,
                         ::testing::Values(AmxCase{1, 32, 32, 16, 16, 1, 1}, AmxCase{3, 64, 32, 9, 14, 1, 1},
                                           AmxCase{2, 32, 96, 4, 4, 1, 1}, AmxCase{1, 32, 32, 1, 1, 1, 1},
                                           AmxCase{1, 128, 32, 48, 64, 1, 1}, AmxCase{2, 32, 64, 10, 7, 1, 0},
                                           AmxCase{2, 64, 32, 17, 17, 2, 0}, AmxCase{3, 32, 64, 16, 18, 2, 1},
                                           AmxCase{1, 32, 32, 65, 65, 2, 0}, AmxCase{2, 32, 32, 12, 9, 2, 0},
                                           AmxCase{7, 32, 32, 5, 5, 2, 1}));

}  // namespace
}  // namespace dgl::test
