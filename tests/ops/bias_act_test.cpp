#include "ops/bias_act.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

struct Case {
  std::vector<int64_t> sizes;
  ops::Activation activation;
};

class BiasAct : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override { torch::manual_seed(3); }
  // Squared, so that the second derivative is not zero.
  Function bias() const {
    const auto a = GetParam().activation;
    return [a](const Tensors& t) { return ops::bias_act(t[0], t[1], a).pow(3); };
  }
};

TEST_P(BiasAct, Derivatives) {
  const Case& c = GetParam();
  check_derivatives(bias(), {random(c.sizes), random({c.sizes[1]})});
}

TEST_P(BiasAct, AgreesWithReference) {
  const Case& c = GetParam();
  check_against_reference(bias(), {random(c.sizes), random({c.sizes[1]})});
}

TEST_P(BiasAct, NoiseDerivativesAndReference) {
  const Case& c = GetParam();
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

INSTANTIATE_TEST_SUITE_P(Shapes, BiasAct,
                         ::testing::Values(Case{{3, 7}, {}}, Case{{2, 5, 4, 3}, {}}, Case{{2, 16, 8, 8}, {0.2, 1.0}},
                                           Case{{1, 1, 5, 5}, {1.0, 0.5}}, Case{{2, 33, 2, 2}, {0.0, 2.0}}));

}  // namespace
}  // namespace dgl::test
