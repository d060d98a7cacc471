#pragma once

#include <torch/types.h>

namespace dgl::ops::gpu {

/// Returns true if this program was built with a libtorch for CUDA.
bool knows_streams();

/// Returns libtorch's current stream on a GPU, a cudaStream_t.
void* current_stream(torch::Device device);

}  // namespace dgl::ops::gpu
