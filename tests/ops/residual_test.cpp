#include "dgl/ops/residual.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// Of 32 channels, which the fast path takes, and of 6, which it does not.
class Residual : public ::testing::TestWithParam<int64_t> {
 protected:
  Residual() {
    torch::manual_seed(6);
    large_ = random({2, GetParam(), 6, 10});
    small_ = random({2, GetParam(), 3, 5});
  }
  torch::Tensor large_, small_;
};

torch::Tensor up(const Tensors& t) { return ops::add_upsampled(t[0], t[1]); }
torch::Tensor down(const Tensors& t) { return ops::add_pooled(t[0], t[1]); }

TEST_P(Residual, AgreesWithTheReference) {
  for (const auto f : {up, down}) check_against_reference(f, {large_, small_});
}

TEST_P(Residual, SquaresAgreeWithTheReference) {
  for (const auto f : {up, down}) {
    check_against_reference(
        [=](const Tensors& t) {
          return f({t[0].square(), t[1].square()}).square();
        },
        {large_, small_});
  }
}

TEST_P(Residual, AveragePool) {
  const auto pool = [](const Tensors& t) { return ops::average_pool(t[0].square()); };
  check_against_reference(pool, {large_});
  check_bfloat16([](const Tensors& t) { return ops::average_pool(t[0]); }, {large_}, {0});
  const torch::Tensor x = large_.to(torch::kFloat);
  EXPECT_TRUE(torch::equal(ops::average_pool(x), at::avg_pool2d(x, {2, 2})));
}

TEST_P(Residual, Bfloat16) {
  for (const auto f : {up, down}) check_bfloat16(f, {large_, small_}, {0, 1});
}

INSTANTIATE_TEST_SUITE_P(Channels, Residual, ::testing::Values(32, 6));

}  // namespace
}  // namespace dgl::test
