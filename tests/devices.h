#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"

namespace dgl::test {

/// What agreement is tested on: the CPU and, where libtorch sees one, a GPU, which then computes exactly.
inline std::vector<std::string> devices() {
  if (!torch::cuda::is_available()) return {"cpu"};
  make_gpus_exact();
  return {"cpu", "cuda"};
}

inline std::string device_of(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

}  // namespace dgl::test
