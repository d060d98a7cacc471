#include "dgl/base/runtime.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "dgl/base/torch.h"

namespace dgl::test {
namespace {

TEST(FastGpus, AreExactBeforeAndAfter) {
  const auto expect_fast = [](bool fast) {
    EXPECT_EQ(at::globalContext().allowTF32CuDNN(), fast);
    EXPECT_EQ(at::globalContext().allowTF32CuBLAS(), fast);
    EXPECT_EQ(at::globalContext().benchmarkCuDNN(), fast);
    EXPECT_EQ(at::globalContext().deterministicCuDNN(), !fast);
  };
  make_gpus_exact();
  expect_fast(false);
  {
    const FastGpus none(false);
    expect_fast(false);
    const FastGpus fast(true);
    expect_fast(true);
  }
  expect_fast(false);
}

TEST(ReadNumbers, OfAnyTypeAndShape) {
  EXPECT_EQ(read_numbers({}), std::vector<double>{});
  const torch::Tensor weight = torch::full({1, 1}, 0.1F, torch::requires_grad());
  EXPECT_EQ(read_numbers({weight, torch::tensor(3, torch::kLong), torch::tensor(0.1, torch::kDouble)}),
            (std::vector<double>{double{0.1F}, 3, 0.1}));
}

}  // namespace
}  // namespace dgl::test
