#include "dgl/ops/winograd.h"

#include <cmath>

#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/kernel_set.h"
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

/// The one-dimensional transforms of F(4, 3) at the points 0, ±5/8, ±3/2 and infinity: of data, weights and products.
struct Transforms {
  Transforms() {
    constexpr double kA = 0.625, kB = 1.5;
    const std::array<double, 5> points{0, kA, -kA, kB, -kB};
    data = torch::zeros({6, 6}, torch::kDouble), weight = torch::zeros({6, 3}, torch::kDouble);
    output = torch::zeros({4, 6}, torch::kDouble);
    const auto whole = product_without(points, 5);
    for (int64_t i = 0; i < 6; ++i) data[5][i] = whole.at(static_cast<size_t>(i));
    weight[5][2] = output[3][5] = 1.0;
    for (size_t p = 0; p < 5; ++p) {
      const auto row = static_cast<int64_t>(p);
      const auto polynomial = product_without(points, p);
      for (size_t i = 0; i < polynomial.size(); ++i) data[row][static_cast<int64_t>(i)] = polynomial[i];
      double divisor = 1;
      for (size_t q = 0; q < 5; ++q) divisor *= q == p ? 1 : points.at(p) - points.at(q);
      for (int64_t i = 0; i < 3; ++i) weight[row][i] = std::pow(points.at(p), i) / divisor;
      for (int64_t i = 0; i < 4; ++i) output[i][row] = std::pow(points.at(p), i);
    }
  }
  /// Coefficients of the product of (x - point), from the constant on, without one point.
  static std::vector<double> product_without(const std::array<double, 5>& points, size_t without) {
    std::vector<double> result{1};
    for (size_t p = 0; p < points.size(); ++p) {
      if (p == without) continue;
      result.push_back(0);
      for (size_t i = result.size() - 1; i > 0; --i) result[i] = result[i - 1] - points.at(p) * result[i];
      result[0] *= -points.at(p);
    }
    return result;
  }
  torch::Tensor data, weight, output;
};

/// With the products of bfloat16 numbers (training.cpu = "fast").
class WinogradOfHalves : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ops::kernels_multiply_bfloat16()) GTEST_SKIP() << "these kernels do not multiply bfloat16 numbers";
    torch::manual_seed(3);
    x_ = halves({3, 48, 13, 10}), w_ = random({32, 48, 3, 3}).to(torch::kFloat) * 0.1;
  }
  static torch::Tensor halves(at::IntArrayRef sizes) {
    return random(sizes).to(torch::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
  }
  static torch::Tensor rounded(const torch::Tensor& t) {
    return t.to(torch::kFloat).to(torch::kBFloat16).to(torch::kDouble);
  }
  /// Both sides' transform of [.., rows, columns].
  static torch::Tensor transformed(const torch::Tensor& matrix, const torch::Tensor& t) {
    return at::matmul(at::matmul(matrix, t.to(torch::kDouble)), matrix.t());
  }
  /// Tiles [N, C, tiles down, tiles across, size, size] of x in steps of 4, of padded rows and columns.
  static torch::Tensor tiles(const torch::Tensor& x, int64_t before, int64_t size) {
    const auto more = [](int64_t n) { return (n + 3) / 4 * 4 - n; };
    const int64_t after = size - 4 - before;
    return at::constant_pad_nd(x.to(torch::kDouble), {before, after + more(x.size(3)), before, after + more(x.size(2))})
        .unfold(2, size, 4)
        .unfold(3, size, 4);
  }
  /// Root of the mean squared difference, over that of the expected values.
  static double error(const torch::Tensor& value, const torch::Tensor& expected) {
    return ((value.to(torch::kDouble) - expected).square().mean() / expected.square().mean()).sqrt().item<double>();
  }
  torch::Tensor x_, w_;
  Transforms transforms_;
};

TEST_F(WinogradOfHalves, ConvolutionIsThatOfRoundedPoints) {
  const torch::Tensor points = rounded(transformed(transforms_.data, tiles(x_, 1, 6))),
                      weight = rounded(transformed(transforms_.weight, w_));
  const torch::Tensor products = at::einsum("nctuij,ocij->notuij", {points, weight});
  const torch::Tensor out = transformed(transforms_.output, products).permute({0, 1, 2, 4, 3, 5});
  const torch::Tensor expected = out.reshape({3, 32, 16, 12}).slice(2, 0, 13).slice(3, 0, 10);
  const torch::Tensor direct =
      at::conv2d(x_.to(torch::kDouble), w_.to(torch::kDouble), {}, at::IntArrayRef{1, 1}, at::IntArrayRef{1, 1});
  const torch::Tensor exact = ops::winograd_conv2d(x_, w_);
  const ops::FastProducts fast(true);
  const torch::Tensor y = ops::winograd_conv2d(x_, w_);
  EXPECT_LT(error(y, expected), 2.5e-3);  // what is stored is rounded to bfloat16
  EXPECT_LT(error(exact, direct), 2.5e-3);
  EXPECT_GT(error(y, direct), 5e-3);
  EXPECT_LT(error(y, direct), 1.5e-2);
}

TEST_F(WinogradOfHalves, WeightGradientIsThatOfRoundedPoints) {
  const torch::Tensor g = halves({3, 32, 13, 10});
  const torch::Tensor points = rounded(transformed(transforms_.data, tiles(x_, 1, 6))),
                      gradients = rounded(transformed(transforms_.output.t(), tiles(g, 0, 4)));
  const torch::Tensor sums = at::einsum("nctuij,notuij->ocij", {points, gradients});
  const torch::Tensor expected = transformed(transforms_.weight.t(), sums);
  const ops::FastProducts fast(true);
  EXPECT_LT(error(ops::winograd_weight_gradient(x_, g), expected), 2e-4);
}

TEST_F(WinogradOfHalves, TwiceDifferentiable) {
  const auto derivatives = [&] {
    const torch::Tensor x = x_.detach().clone().set_requires_grad(true),
                        w = w_.detach().clone().set_requires_grad(true);
    const torch::Tensor y = ops::conv2d(x, w, 1, 1);
    const auto first = torch::autograd::grad({(y * y).to(torch::kFloat).sum()}, {x, w}, {}, true, true);
    const torch::Tensor sum = first[0].to(torch::kFloat).square().sum() + first[1].square().sum();
    const auto second = torch::autograd::grad({sum}, {x, w});
    return Tensors{y.detach(), first[0].detach(), first[1].detach(), second[0], second[1]};
  };
  const Tensors exact = derivatives();
  const ops::FastProducts fast(true);
  const Tensors found = derivatives();
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = error(found[i], exact[i].to(torch::kDouble));
    EXPECT_LT(difference, 4e-2) << i;
    EXPECT_GT(difference, 1e-3) << i;
  }
}

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
