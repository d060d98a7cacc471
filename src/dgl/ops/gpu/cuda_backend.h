#pragma once

#include <torch/types.h>

#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

/// Returns what runs kernels on a GPU: NVRTC compiles them for it, and its driver loads and launches them in libtorch's
/// current stream. Machine code is kept in $XDG_CACHE_HOME/dgl/kernels (~/.cache/dgl/kernels). Returns null if there is
/// none: the libtorch that this program was built with is not one for CUDA, the environment variable DGL_GPU_KERNELS is
/// "off", or NVRTC or the driver lack something, which a line on stderr says once.
Backend* cuda_backend(torch::Device device);

/// Returns a GPU's compute capability, 80 for 8.0; 0 for another device, or if the driver was not found.
int compute_capability(torch::Device device);

/// Throws Error, naming the recipe's key, if a GPU of this compute capability has no units for bfloat16. 0 passes.
void check_bfloat16(const torch::Device& device, int capability);

}  // namespace dgl::ops::gpu
