#include "dgl/ops/norm_relu.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// Of 32 channels, which the fast path takes, or 6, which it does not; gain and bias of every image, or one for all;
/// with upsampling or not.
struct NormReluShape {
  int64_t channels, rows;
  bool upsample;
};

class NormRelu : public ::testing::TestWithParam<NormReluShape> {
 protected:
  NormRelu() {
    torch::manual_seed(5);
    const auto [channels, rows, upsample] = GetParam();
    x_ = random({3, channels, 4, 5}) * 2 + random({channels, 1, 1});
    shift_ = random({channels});
    gain_ = random({rows, channels}) + 1;
    bias_ = random({rows, channels});
    mean_ = random({channels});
    var_ = random({channels}).abs() + 0.5;
  }
  /// Of x, gain and bias, and the shift where there are four. Leaves the test's statistics as they are.
  torch::Tensor apply(const Tensors& t, double momentum) const {
    const auto type = t[1].scalar_type();
    return ops::norm_relu(t[0], t.size() > 3 ? t[3] : torch::Tensor(), t[1], t[2],
                          {mean_.to(type).clone(), var_.to(type).clone(), momentum}, GetParam().upsample);
  }
  torch::Tensor x_, shift_, gain_, bias_, mean_, var_;
};

TEST_P(NormRelu, AgreesWithTheReference) {
  for (const double momentum : {0.0, 0.1}) {
    check_against_reference([&](const Tensors& t) { return apply(t, momentum); }, {x_, gain_, bias_}, 5e-5);
  }
  check_against_reference([&](const Tensors& t) { return apply(t, 0); }, {x_, gain_, bias_, shift_});
}

TEST_P(NormRelu, Derivatives) {
  for (const double momentum : {0.0, 0.1}) {
    check_derivatives([&](const Tensors& t) { return apply(t, momentum); }, {x_, gain_, bias_, shift_});
  }
}

TEST_P(NormRelu, Bfloat16) {
  for (const double momentum : {0.0, 0.1}) {
    check_bfloat16([&](const Tensors& t) { return apply(t, momentum); }, {x_, gain_, bias_}, {0});
  }
}

// First derivatives as they are without second ones in sight, which is another path.
TEST_P(NormRelu, TheSameGradientsInOneSweep) {
  for (const double momentum : {0.0, 0.1}) {
    Tensors at;
    for (const auto& t : {x_, gain_, bias_, shift_}) at.push_back(t.to(torch::kFloat).set_requires_grad(true));
    const torch::Tensor y = apply(at, momentum), weight = torch::randn_like(y);
    const Tensors once = gradients([&](const Tensors& t) { return apply(t, momentum); }, at, weight, false);
    const Tensors again = gradients([&](const Tensors& t) { return apply(t, momentum); }, at, weight, true);
    for (size_t i = 0; i < at.size(); ++i) {
      EXPECT_LT((once[i] - again[i]).norm().item<double>(), 1e-5 * (1 + again[i].norm().item<double>())) << i;
    }
  }
}

// The batch's statistics are stored: the unbiased variance, and the mean of x + shift.
TEST_P(NormRelu, StoresTheStatistics) {
  const torch::Tensor x = x_.to(torch::kFloat) + 100, shift = shift_.to(torch::kFloat);
  const torch::Tensor mean = torch::zeros({x.size(1)}), var = torch::ones({x.size(1)});
  const torch::NoGradGuard no_grad;
  ops::norm_relu(x, shift, gain_.to(torch::kFloat), bias_.to(torch::kFloat), {mean, var, 0.25});
  const torch::Tensor rows = (x + shift.view({1, -1, 1, 1})).transpose(0, 1).flatten(1);
  EXPECT_LT((mean - 0.25 * rows.mean(1)).abs().max().item<double>(), 1e-4);
  EXPECT_LT((var - 0.75 - 0.25 * rows.var(1)).abs().max().item<double>(), 1e-4);
}

// A run that diverges is to be seen.
TEST_P(NormRelu, WhatIsNotANumberStaysSo) {
  const torch::Tensor bias = bias_.to(torch::kFloat) * NAN;
  EXPECT_TRUE(apply({x_.to(torch::kFloat), gain_.to(torch::kFloat), bias}, 0).isnan().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Shapes, NormRelu,
                         ::testing::Values(NormReluShape{32, 3, false}, NormReluShape{32, 1, false},
                                           NormReluShape{6, 3, false}, NormReluShape{32, 3, true},
                                           NormReluShape{32, 1, true}, NormReluShape{6, 3, true}));

}  // namespace
}  // namespace dgl::test
