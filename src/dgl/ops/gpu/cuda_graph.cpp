#include "dgl/ops/gpu/work_recorder.h"

#ifdef DGL_CUDA
#include <ATen/Context.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/cuda.h>
#endif

namespace dgl::ops::gpu {

#ifdef DGL_CUDA

namespace {

/// The generator whose seed libtorch lets a graph take anew at each launch: the device's default one.
at::Generator seeded(torch::Device device, uint64_t seed) {
  at::Generator random = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(random.mutex());
  random.set_current_seed(seed);
  return random;
}

class CudaGraphWork : public RecordedWork {
 public:
  explicit CudaGraphWork(torch::Device device) : device_(device) {}

  void launch(uint64_t seed) override {
    seeded(device_, seed);
    graph_.replay();
  }
  at::cuda::CUDAGraph& graph() { return graph_; }

 private:
  torch::Device device_;
  at::cuda::CUDAGraph graph_;
};

class CudaGraphRecorder : public WorkRecorder {
 public:
  explicit CudaGraphRecorder(torch::Device device) : device_(device), pool_(at::cuda::graph_pool_handle()) {}

  std::unique_ptr<RecordedWork> record(const Work& work) override {
    torch::cuda::synchronize(device_.index());
    auto recorded = std::make_unique<CudaGraphWork>(device_);
    // Nothing can be recorded on a device's default stream.
    const c10::cuda::CUDAStreamGuard own_stream(
        c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device_.index()));
    const at::Generator random = seeded(device_, 0);
    recorded->graph().capture_begin(pool_);
    try {
      work(random);
    } catch (...) {
      try {  // the capture has to end, though it is of no use
        recorded->graph().capture_end();
      } catch (const std::exception&) {
      }
      throw;
    }
    recorded->graph().capture_end();
    return recorded;
  }

 private:
  const torch::Device device_;
  const at::cuda::MempoolId_t pool_;  // shared: of two recordings only one is at work at a time
};

}  // namespace

std::unique_ptr<WorkRecorder> make_work_recorder(torch::Device device) {
  return device.is_cuda() ? std::make_unique<CudaGraphRecorder>(device) : nullptr;
}

#else

std::unique_ptr<WorkRecorder> make_work_recorder(torch::Device) { return nullptr; }

#endif

}  // namespace dgl::ops::gpu
