#pragma once

#include <string>
#include <vector>

#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

/// NVRTC, NVIDIA's compiler at run time (https://docs.nvidia.com/cuda/nvrtc), loaded when it is first asked for. It
/// needs no GPU.
class Nvrtc {
 public:
  /// Returns it, or null if it was not found; `why_not` then gets what was missing.
  static const Nvrtc* find(std::string* why_not = nullptr);

  /// Major version times 1000 plus minor version times 10, such as 12040.
  int version() const { return version_; }
  /// The architectures that it compiles for, such as 90 for compute capability 9.0; ascending.
  const std::vector<int>& architectures() const { return architectures_; }

  /// A program as a GPU's driver loads it.
  struct Program {
    std::string image;
    std::string log;  ///< what the compiler said, such as registers used with --ptxas-options=-v
  };
  /// Compiles a file of kernels for an architecture: to machine code, or for one newer than this compiler to PTX of
  /// the newest older one, which the driver compiles. Throws Error that names the file and says what is wrong in it.
  Program compile(const std::string& source, const Variant& variant, int architecture,
                  const std::vector<std::string>& more_options = {}) const;

 private:
  Nvrtc() = default;

  int version_ = 0;
  std::vector<int> architectures_;
};

}  // namespace dgl::ops::gpu
