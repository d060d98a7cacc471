#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace dgl::ops::gpu {

/// What a GPU was told to do, recorded to be told again at once.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  /// Does all of it again, on the same tensors, with random numbers from `seed`, as work by a generator with that seed
  /// draws them.
  virtual void launch(uint64_t seed) = 0;
};

/// Records what a processor tells a GPU to do. A step of training is thousands of small operations, and a processor
/// takes longer to tell them one by one than a fast GPU to do them.
class WorkRecorder {
 public:
  using Work = std::function<void(const at::Generator& random)>;

  virtual ~WorkRecorder() = default;
  /// Records `work`, which runs once, on the processor only: a GPU computes nothing yet. All its random numbers have to
  /// come from `random`. It must not wait for the GPU, nor read tensors from the processor's memory that change. What
  /// it leaves allocated stays in its place for as long as the recording lives. Throws what `work` throws, or an
  /// exception of libtorch's if something in it cannot be recorded.
  virtual std::unique_ptr<RecordedWork> record(const Work& work) = 0;
};

/// Returns a recorder of CUDA graphs for a GPU; null for other devices, and in a program that was built without CUDA.
std::unique_ptr<WorkRecorder> make_work_recorder(torch::Device device);

}  // namespace dgl::ops::gpu
