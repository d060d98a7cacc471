#include "dgl/ops/modulate.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

class Modulate : public ::testing::TestWithParam<std::vector<int64_t>> {
 protected:
  void SetUp() override { torch::manual_seed(4); }
};

TEST_P(Modulate, Scale) {
  const auto& s = GetParam();
  const Function f = [](const Tensors& t) { return ops::channel_scale(t[0], t[1]); };
  const Tensors x{random(s), random({s[0], s[1]})};
  check_derivatives(f, x);
  check_against_reference(f, x);
}

TEST_P(Modulate, Dot) {
  const auto& s = GetParam();
  const Function f = [](const Tensors& t) { return ops::channel_dot(t[0], t[1]); };
  const Tensors x{random(s), random(s)};
  check_derivatives(f, x);
  check_against_reference(f, x);
}

TEST_P(Modulate, Bfloat16) {
  const auto& s = GetParam();
  check_bfloat16([](const Tensors& t) { return ops::channel_scale(t[0], t[1]); }, {random(s), random({s[0], s[1]})},
                 {0});
}

INSTANTIATE_TEST_SUITE_P(Shapes, Modulate,
                         ::testing::Values(std::vector<int64_t>{2, 3, 4, 4}, std::vector<int64_t>{1, 17, 5, 3},
                                           std::vector<int64_t>{3, 1, 2, 2}));

}  // namespace
}  // namespace dgl::test
