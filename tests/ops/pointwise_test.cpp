#include "dgl/ops/pointwise.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// [n, in, out, height, width]: many channels to many, few to many (from_rgb), many to few (to_rgb), and numbers that
/// fill no registers; more pixels than are worked on at a time, and few.
using PointwiseShape = std::array<int64_t, 5>;

class Pointwise : public ::testing::TestWithParam<PointwiseShape> {
 protected:
  Pointwise() {
    torch::manual_seed(4);
    const auto [n, in, out, height, width] = GetParam();
    x_ = random({n, in, height, width});
    g_ = random({n, out, height, width});
    shared_ = random({1, out, in});
    own_ = random({n, out, in});
  }
  torch::Tensor x_, g_, shared_, own_;
};

TEST_P(Pointwise, AgreesWithTheReference) {
  const auto f = [](const Tensors& t) { return ops::pointwise(t[0], t[1]); };
  check_against_reference(f, {x_, shared_});
  check_against_reference(f, {x_, own_});
}

TEST_P(Pointwise, WeightGradientAgreesWithTheReference) {
  for (const bool per_image : {false, true}) {
    check_against_reference([&](const Tensors& t) { return ops::pointwise_weight_gradient(t[0], t[1], per_image); },
                            {x_, g_});
  }
}

TEST_P(Pointwise, IsAConvolution) {
  const auto x = x_.to(torch::kFloat), w = shared_.to(torch::kFloat);
  const auto direct = at::conv2d(x_, shared_[0].unsqueeze(2).unsqueeze(3));
  EXPECT_LT((ops::pointwise(x, w) - direct).abs().max().item<double>(), 1e-5 * direct.abs().max().item<double>());
}

TEST_P(Pointwise, Bfloat16) {
  const auto f = [](const Tensors& t) { return ops::pointwise(t[0], t[1]); };
  check_bfloat16(f, {x_, shared_}, {0});
  check_bfloat16(f, {x_, own_}, {0});
}

INSTANTIATE_TEST_SUITE_P(Shapes, Pointwise,
                         ::testing::Values(PointwiseShape{2, 16, 32, 21, 20}, PointwiseShape{3, 3, 16, 5, 7},
                                           PointwiseShape{2, 1, 32, 4, 4}, PointwiseShape{3, 32, 3, 23, 19},
                                           PointwiseShape{2, 5, 7, 4, 4}, PointwiseShape{2, 4, 3, 5, 7},
                                           PointwiseShape{2, 3, 4, 5, 7}));

}  // namespace
}  // namespace dgl::test
