#include "dgl/ops/kernel_set.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace dgl::test {
namespace {

TEST(KernelSet, IsTheOneAskedForAndAsWideAsItsName) {
  const std::string name = ops::kernel_set();
  if (const char* wanted = std::getenv("DGL_KERNELS"); wanted && *wanted) {
    EXPECT_EQ(name, wanted);
  }
  const std::map<std::string, int64_t> widths{{"x86-64-v2", 4}, {"avx2", 8}, {"avx512", 16}, {"avx512bf16", 16}};
  if (const auto known = widths.find(name); known != widths.end()) {
    EXPECT_EQ(ops::register_numbers(), known->second);
  }
  EXPECT_GE(ops::register_numbers(), 4);
  if (name == "avx512bf16") {
    EXPECT_TRUE(ops::processor_has_bfloat16());
  }
}

}  // namespace
}  // namespace dgl::test
