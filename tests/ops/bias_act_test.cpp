#include "dgl/ops/bias_act.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

struct BiasActCase {
  std::vector<int64_t> sizes;
  ops::Activation activation;
};

class BiasAct : public ::testing::TestWithParam<BiasActCase> {
 protected:
  void SetUp() override { torch::manual_seed(3); }
  // To the third, so that the second derivative is not zero.
  Function bias() const {
    const auto a = GetParam().activation;
    return [a](const Tensors& t) { return ops::bias_act(t[0], t[1], a).pow(3); };
  }
};

TEST_P(BiasAct, Derivatives) {
  const BiasActCase& c = GetParam();
  check_derivatives(bias(), {random(c.sizes), random({c.sizes[1]})});
}

TEST_P(BiasAct, AgreesWithReference) {
  const BiasActCase& c = GetParam();
  check_against_reference(bias(), {random(c.sizes), random({c.sizes[1]})});
}

TEST_P(BiasAct, FirstDerivativeAlone) {
  const BiasActCase& c = GetParam();
  const Function f = [&](const Tensors& t) { return ops::bias_act(t[0], t[1], c.activation); };
  check_derivatives(f, {random(c.sizes), random({c.sizes[1]})});
  check_against_reference(f, {random(c.sizes), random({c.sizes[1]})});
}

TEST_P(BiasAct, NoiseDerivativesAndReference) {
  const BiasActCase& c = GetParam();
  if (c.sizes.size() != 4) return;
  for (const int64_t n : {c.sizes[0], int64_t{1}}) {
    const auto noise = random({n, 1, c.sizes[2], c.sizes[3]});
    const Function f = [&](const Tensors& t) {
      return ops::noise_bias_act(t[0], noise.to(t[0].scalar_type()), t[1], t[2], c.activation).pow(3);
    };
    const Tensors x{random(c.sizes), random({}), random({c.sizes[1]})};
    check_derivatives(f, x);
    check_against_reference(f, x);
  }
}

TEST_P(BiasAct, ScaleDerivativesAndReference) {
  const BiasActCase& c = GetParam();
  if (c.sizes.size() != 4 || c.activation.alpha == 0) return;  // the scale's gradient needs t, which ReLU forgets
  const auto noise = random({c.sizes[0], 1, c.sizes[2], c.sizes[3]});
  const Function f = [&](const Tensors& t) {
    return ops::scale_noise_bias_act(t[0], t[3], noise.to(t[0].scalar_type()), t[1], t[2], c.activation);
  };
  const Function twice = [&](const Tensors& t) {
    const ops::TwiceDifferentiable guard;
    return f(t);
  };
  const Tensors x{random(c.sizes), random({}), random({c.sizes[1]}), random({c.sizes[0], c.sizes[1]}).abs() + 0.5};
  check_derivatives(f, x);
  check_derivatives(twice, x);
  check_against_reference(twice, x, 5e-5);
}

TEST_P(BiasAct, Bfloat16) {
  const BiasActCase& c = GetParam();
  if (c.sizes.size() != 4) return;
  check_bfloat16([&](const Tensors& t) { return ops::bias_act(t[0], t[1], c.activation); },
                 {random(c.sizes), random({c.sizes[1]})}, {0});
  if (c.activation.alpha == 0) return;
  const auto noise = random({c.sizes[0], 1, c.sizes[2], c.sizes[3]}).abs().to(torch::kFloat);
  const Function f = [&](const Tensors& t) {
    const ops::TwiceDifferentiable guard;
    return ops::scale_noise_bias_act(t[0], t[1], noise, t[2], t[3], c.activation);
  };
  check_bfloat16(f, {random(c.sizes), random({c.sizes[0], c.sizes[1]}).abs() + 0.5, random({}), random({c.sizes[1]})},
                 {0});
}

INSTANTIATE_TEST_SUITE_P(Shapes, BiasAct,
                         ::testing::Values(BiasActCase{{3, 7}, {}}, BiasActCase{{2, 5, 4, 3}, {}},
                                           BiasActCase{{2, 16, 8, 8}, {0.2, 1.0}},
                                           BiasActCase{{1, 1, 5, 5}, {1.0, 0.5}},
                                           BiasActCase{{2, 33, 2, 2}, {0.0, 2.0}}));

}  // namespace
}  // namespace dgl::test
