#include "dgl/ops/reflect.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// [channels, height, width, edge]: edges that meet in the middle, too.
class Reflect : public ::testing::TestWithParam<std::array<int64_t, 4>> {
 protected:
  Reflect() {
    torch::manual_seed(6);
    const auto [channels, height, width, edge] = GetParam();
    x_ = random({2, channels, height, width});
    edge_ = edge;
  }
  torch::Tensor of(const Tensors& t) const { return ops::reflect(t[0], edge_); }
  torch::Tensor x_;
  int64_t edge_ = 0;
};

TEST_P(Reflect, IsLibtorchsOwn) { EXPECT_TRUE(of({x_}).equal(at::reflection_pad2d(x_, {edge_, edge_, edge_, edge_}))); }

TEST_P(Reflect, Derivatives) {
  check_derivatives([this](const Tensors& t) { return of(t).square(); }, {x_});
}

TEST_P(Reflect, AgreesWithTheReference) {
  check_against_reference([this](const Tensors& t) { return of({t[0].square()}).square(); }, {x_});
}

TEST_P(Reflect, Bfloat16) {
  check_bfloat16([this](const Tensors& t) { return of(t); }, {x_}, {0});
}

INSTANTIATE_TEST_SUITE_P(Shapes, Reflect,
                         ::testing::Values(std::array<int64_t, 4>{32, 7, 5, 1}, std::array<int64_t, 4>{3, 6, 4, 3},
                                           std::array<int64_t, 4>{5, 2, 3, 1}, std::array<int64_t, 4>{4, 8, 8, 3}));

}  // namespace
}  // namespace dgl::test
