#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dgl/ops/gpu/launch.h"

/// Skips a test of emulated kernels where they cannot run.
#if defined(__SANITIZE_THREAD__)
#define DGL_SKIP_FIBERS() GTEST_SKIP() << "ThreadSanitizer does not know fibers"
#else
#define DGL_SKIP_FIBERS() static_cast<void>(0)
#endif

namespace dgl::test {

/// Runs the GPU's kernels on the processor: their sources, compiled as C++. A block's threads run one after the
/// other, as fibers up to each barrier if there are some; blocks follow each other, the last first, since results must
/// not depend on their order.
class EmulatedGpu : public ops::gpu::Backend {
 public:
  void run(const ops::gpu::Launch& launch, const ops::gpu::Arguments& arguments) override;
  /// The kernels that were run, each once, as "source.kernel".
  std::vector<std::string> seen() const;

 private:
  std::map<std::string, int> runs_;
  std::map<std::string, bool> waits_;  ///< kernels with barriers
};

}  // namespace dgl::test
