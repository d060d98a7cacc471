#include "dgl/ops/gpu/cuda_stream.h"

#include "dgl/base/error.h"

#ifdef DGL_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

namespace dgl::ops::gpu {

#ifdef DGL_CUDA

bool knows_streams() { return true; }
void* current_stream(torch::Device device) { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

#else

bool knows_streams() { return false; }
void* current_stream(torch::Device) { throw InternalError("this program was built without CUDA"); }

#endif

}  // namespace dgl::ops::gpu
