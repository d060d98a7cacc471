#include "dgl/formats/quantize.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

TEST(Quantize, RoundsToTheNearestOf255ValuesOfItsChannel) {
  torch::manual_seed(1);
  // Rows of very different size.
  const Tensor weight = torch::randn({32, 16, 3, 3}) * torch::logspace(-3, 3, 32).view({-1, 1, 1, 1});
  const QuantizedTensor q = quantize_int8(weight);
  EXPECT_EQ(q.axis, 0);
  EXPECT_EQ(q.numbers.scalar_type(), torch::kChar);
  const Tensor error = (q.values() - weight).abs().amax({1, 2, 3});
  EXPECT_TRUE((error <= q.steps * 0.5001).all().item<bool>());
  EXPECT_TRUE((q.values().abs().amax({1, 2, 3}) - weight.abs().amax({1, 2, 3})).abs().max().item<double>() < 1e-3);
  // Columns of very different size take the other axis.
  EXPECT_EQ(quantize_int8(weight.transpose(0, 1)).axis, 1);
}

TEST(Quantize, LeavesWhatIsRoundedAlready) {
  torch::manual_seed(2);
  const Tensor weight = torch::randn({64, 48});
  for (const WeightPrecision precision : {WeightPrecision::fp16, WeightPrecision::int8}) {
    const Tensor once = rounded(weight, precision), twice = rounded(once, precision);
    EXPECT_FALSE(once.equal(weight));
    EXPECT_LT((once - twice).abs().max().item<double>(), 1e-6);
  }
  EXPECT_TRUE(rounded(weight, WeightPrecision::fp32).equal(weight));
  // Zeros stay zeros, in rows of zeros too.
  Tensor sparse = torch::randn({64, 48});
  sparse[3].zero_();
  EXPECT_TRUE(rounded(sparse, WeightPrecision::int8)[3].eq(0).all().item<bool>());
}

TEST(Quantize, SmallTensorsAndVectorsStayAsTheyAre) {
  EXPECT_FALSE(is_rounded_weight(torch::zeros({4096})));
  EXPECT_FALSE(is_rounded_weight(torch::zeros({31, 33})));
  EXPECT_FALSE(is_rounded_weight(torch::zeros({64, 64}, torch::kLong)));
  EXPECT_TRUE(is_rounded_weight(torch::zeros({32, 32})));
  EXPECT_EQ(parse_weight_precision("int8", "--precision"), WeightPrecision::int8);
  expect_error([] { parse_weight_precision("int4", "--precision"); }, {"--precision int4", "fp32, fp16, int8"});
  expect_error([] { rounded(torch::full({32, 32}, 1e5), WeightPrecision::fp16); }, {"100000", "fp16", "65504"});
}

}  // namespace
}  // namespace dgl::test
