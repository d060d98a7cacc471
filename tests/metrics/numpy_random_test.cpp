#include "dgl/metrics/numpy_random.h"

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(NumpyRandom, PermutationsAreNumpys) {
  // The second choice(n, k, replace=False) of a RandomState(2020), k numbers; the golden file holds numpy 1.24's.
  const char* const golden = DGL_SOURCE_DIR "/tests/golden/metrics.safetensors";
  const TensorFile file = load_safetensors(golden);
  for (const int64_t n : {1, 2, 10, 33, 1000}) {
    const torch::Tensor expected = file.at("permutation." + std::to_string(n), golden);
    NumpyRandom random(2020);
    random.permutation(n);
    EXPECT_TRUE(at::equal(random.permutation(n).slice(0, 0, expected.size(0)), expected)) << n;
  }
}

TEST(NumpyRandom, Errors) {
  expect_error([] { NumpyRandom(1).permutation(0); }, {"0", "1 to 2^32"});
  expect_error([] { NumpyRandom(1).permutation((int64_t{1} << 32) + 1); }, {"4294967297"});
}

}  // namespace
}  // namespace dgl::test
