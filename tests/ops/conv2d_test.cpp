#include "dgl/ops/conv2d.h"

#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

struct Conv2dCase {
  int64_t n, in, out, height, width, kernel, stride, padding;
};

class Conv2d : public ::testing::TestWithParam<Conv2dCase> {
 protected:
  void SetUp() override { torch::manual_seed(1); }
};

TEST_P(Conv2d, Derivatives) {
  const Conv2dCase c = GetParam();
  check_derivatives([&](const Tensors& t) { return ops::conv2d(t[0], t[1], c.stride, c.padding); },
                    {random({c.n, c.in, c.height, c.width}), random({c.out, c.in, c.kernel, c.kernel})});
}

TEST_P(Conv2d, AgreesWithReference) {
  const Conv2dCase c = GetParam();
  check_against_reference([&](const Tensors& t) { return ops::conv2d(t[0], t[1], c.stride, c.padding); },
                          {random({c.n, c.in, c.height, c.width}), random({c.out, c.in, c.kernel, c.kernel})});
}

TEST_P(Conv2d, TransposeAgreesWithReference) {
  const Conv2dCase c = GetParam();
  const auto out = [&](int64_t size) { return (size + 2 * c.padding - c.kernel) / c.stride + 1; };
  const Function f = [&](const Tensors& t) {
    return ops::conv2d_transpose(t[0], t[1], c.height, c.width, c.stride, c.padding);
  };
  const Tensors x{random({c.n, c.out, out(c.height), out(c.width)}), random({c.out, c.in, c.kernel, c.kernel})};
  check_against_reference(f, x);
  check_derivatives(f, x);
}

TEST_P(Conv2d, Bfloat16) {
  const Conv2dCase c = GetParam();
  check_bfloat16([&](const Tensors& t) { return ops::conv2d(t[0], t[1], c.stride, c.padding); },
                 {random({c.n, c.in, c.height, c.width}), random({c.out, c.in, c.kernel, c.kernel})}, {0});
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2d,
                         ::testing::Values(Conv2dCase{2, 3, 4, 8, 8, 3, 1, 1}, Conv2dCase{1, 16, 17, 9, 7, 3, 1, 1},
                                           Conv2dCase{3, 5, 2, 9, 9, 3, 2, 0}, Conv2dCase{2, 4, 1, 8, 6, 1, 1, 0},
                                           Conv2dCase{2, 1, 6, 4, 4, 1, 1, 0}, Conv2dCase{2, 16, 16, 17, 17, 3, 2, 0},
                                           Conv2dCase{1, 32, 64, 9, 9, 3, 2, 0}));

}  // namespace
}  // namespace dgl::test
