#include "dgl/ops/conv_act.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// [n, in, out, height, width]; the first is served by Winograd's convolution, the second by none, the third by AMX in
/// bfloat16.
using ConvActShape = std::array<int64_t, 5>;
constexpr ops::Activation kActivation{0.2, 1.3};

class ConvAct : public ::testing::TestWithParam<ConvActShape> {
 protected:
  ConvAct() {
    torch::manual_seed(3);
    const auto [n, in, out, height, width] = GetParam();
    x_ = random({n, in, height, width});
    w_ = random({out, in, 3, 3}) * 0.1;
    styles_ = random({n, in}) + 1;
    demodulation_ = random({n, out}).abs() + 0.5;
    noise_ = random({n, 1, height, width});
    strength_ = torch::tensor(0.7, torch::kDouble);
    bias_ = random({out});
  }
  torch::Tensor modulated(const Tensors& t, const torch::Tensor& noise) const {
    return ops::modulated_conv_act(t[0], t[1], t[2], t[3], noise.to(t[0].scalar_type()), t[4], t[5], kActivation);
  }
  torch::Tensor x_, w_, styles_, demodulation_, noise_, strength_, bias_;
};

TEST_P(ConvAct, AgreesWithTheReference) {
  check_against_reference([](const Tensors& t) { return ops::conv_act(t[0], t[1], t[2], kActivation); },
                          {x_, w_, bias_});
}

TEST_P(ConvAct, ReluAgreesWithTheReference) {
  check_against_reference([](const Tensors& t) { return ops::conv_act(t[0], t[1], t[2], {0, 1}); }, {x_, w_, bias_});
}

TEST_P(ConvAct, ModulatedAgreesWithTheReference) {
  // Of separate operations the gradient to the demodulation is a difference, whose derivatives to strength and bias,
  // truly zero, are rounding: those are compared in TheSameWhereSecondDerivativesAreExpected.
  if (x_.size(1) % 16 != 0) return;
  const Tensors inputs{x_, w_, styles_, demodulation_, strength_, bias_};
  check_against_reference([&](const Tensors& t) { return modulated(t, noise_); }, inputs, 5e-5);
  check_against_reference([&](const Tensors& t) { return modulated(t, noise_.slice(0, 0, 1)); }, inputs, 5e-5);
}

// Their gradients go by two ways, through the layer and through its demodulation, each once.
TEST_P(ConvAct, OfADemodulationThatIsMadeOfWeightAndStyles) {
  if (x_.size(1) % 16 != 0) return;
  const auto f = [&](const Tensors& t) {
    const auto demodulation = at::rsqrt(at::mm(t[2].square(), t[1].square().sum({2, 3}).t()) + 1e-8);
    return modulated({t[0], t[1], t[2], demodulation, t[3], t[4]}, noise_);
  };
  check_against_reference(f, {x_, w_, styles_, strength_, bias_}, 5e-5);
}

TEST_P(ConvAct, Derivatives) {
  check_derivatives([&](const Tensors& t) { return modulated(t, noise_); },
                    {x_, w_, styles_, demodulation_, strength_, bias_});
}

TEST_P(ConvAct, TheSameWhereSecondDerivativesAreExpected) {
  const auto twice = [&](const Tensors& t) {
    const ops::TwiceDifferentiable guard;
    return modulated(t, noise_);
  };
  check_against_reference(twice, {x_, w_, styles_, demodulation_, strength_, bias_}, 5e-5);
}

TEST_P(ConvAct, Bfloat16) {
  check_bfloat16([](const Tensors& t) { return ops::conv_act(t[0], t[1], t[2], kActivation); }, {x_, w_, bias_}, {0});
  const Function f = [&](const Tensors& t) {
    return ops::modulated_conv_act(t[0], t[1], t[2], t[3], noise_.to(torch::kFloat), t[4], t[5], kActivation);
  };
  check_bfloat16(f, {x_, w_, styles_, demodulation_, strength_, bias_}, {0});
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvAct,
                         ::testing::Values(ConvActShape{3, 16, 32, 9, 13}, ConvActShape{2, 5, 3, 6, 6},
                                           ConvActShape{1, 32, 32, 8, 9}));

}  // namespace
}  // namespace dgl::test
