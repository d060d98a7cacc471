#include "dgl/ops/upfirdn2d.h"

#include "dgl/base/error.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

struct UpfirdnCase {
  ops::Resample resample;
  int64_t channels, height, width;
};

class Upfirdn2d : public ::testing::TestWithParam<UpfirdnCase> {
 protected:
  void SetUp() override { torch::manual_seed(2); }
};

TEST_P(Upfirdn2d, Derivatives) {
  const UpfirdnCase& c = GetParam();
  check_derivatives([&](const Tensors& t) { return ops::upfirdn2d(t[0], c.resample); },
                    {random({2, c.channels, c.height, c.width})});
}

TEST_P(Upfirdn2d, AgreesWithReference) {
  const UpfirdnCase& c = GetParam();
  check_against_reference([&](const Tensors& t) { return ops::upfirdn2d(t[0], c.resample); },
                          {random({2, c.channels, c.height, c.width})});
}

TEST_P(Upfirdn2d, Bfloat16) {
  const UpfirdnCase& c = GetParam();
  check_bfloat16([&](const Tensors& t) { return ops::upfirdn2d(t[0], c.resample); },
                 {random({2, c.channels, c.height, c.width})}, {0});
}

// A GPU's kernel, here on the CPU.
TEST_P(Upfirdn2d, ProductsGiveTheSame) {
  const UpfirdnCase& c = GetParam();
  const torch::Tensor x = random({2, c.channels, c.height, c.width});
  const torch::Tensor expected = ops::upfirdn2d(x, c.resample);
  for (const auto layout : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    const torch::Tensor actual = ops::upfirdn2d_by_products(x.contiguous(layout), c.resample);
    ASSERT_EQ(actual.sizes(), expected.sizes());
    EXPECT_LT((actual - expected).abs().max().item<double>(), 1e-12 * (1 + expected.abs().max().item<double>()));
  }
}

const std::vector<double> kSkewed{0.1, 0.5, 0.3, 0.7, 0.2}, kOne{1.0}, kTwo{0.25, 0.75};

INSTANTIATE_TEST_SUITE_P(
    Geometries, Upfirdn2d,
    ::testing::Values(UpfirdnCase{{ops::fir_1331(), 1, 1, 1, 1, 4}, 5, 9, 9},
                      UpfirdnCase{{ops::fir_1331(), 2, 1, 2, 1, 4}, 3, 8, 8},
                      UpfirdnCase{{ops::fir_1331(), 1, 1, 2, 2, 1}, 16, 8, 8},
                      UpfirdnCase{{ops::fir_1331(), 1, 2, 1, 1, 1}, 4, 8, 8},
                      UpfirdnCase{{kSkewed, 2, 1, 3, 2, 4}, 2, 5, 7}, UpfirdnCase{{kSkewed, 1, 2, 2, 2, 1}, 3, 8, 6},
                      UpfirdnCase{{kSkewed, 1, 1, 2, 2, 0.5}, 1, 6, 9}, UpfirdnCase{{kSkewed, 2, 2, 2, 2, 1}, 3, 7, 7},
                      UpfirdnCase{{kOne, 2, 1, 0, 0, 1}, 2, 4, 4}, UpfirdnCase{{kTwo, 1, 1, -1, 2, 1}, 3, 6, 6},
                      UpfirdnCase{{ops::fir_1331(), 1, 1, 3, 3, 1}, 2, 1, 1},
                      UpfirdnCase{{ops::fir_1331(), 1, 1, 2, 1, 1}, 1, 2, 3}));

TEST(Upfirdn2dValue, ConstantStaysConstant) {
  const auto x = torch::full({1, 2, 8, 8}, 3.0);
  const auto up = ops::upfirdn2d(x, {ops::fir_1331(), 2, 1, 2, 1, 4});
  ASSERT_EQ(up.size(2), 16);
  EXPECT_LT((up.slice(2, 2, 14).slice(3, 2, 14) - 3.0).abs().max().item<double>(), 1e-5);
}

TEST(Upfirdn2dValue, RefusesFilters) {
  EXPECT_THROW(ops::upfirdn2d(torch::zeros({1, 1, 4, 4}), {{}, 1, 1, 0, 0, 1}), Error);
  EXPECT_THROW(ops::upfirdn2d(torch::zeros({1, 1, 4, 4}), {kOne, 1, 1, 0, 0, 0}), Error);
}

}  // namespace
}  // namespace dgl::test
