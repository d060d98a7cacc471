#pragma once

#include <torch/types.h>

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>

namespace dgl::ops::gpu {

// Kernels of this library's own for GPUs. NVRTC, which comes with every libtorch for CUDA, compiles them at their first
// use; without it operations are composed of libtorch's. Their sources are C++ that a test can also run on a processor.

constexpr unsigned kThreads = 256;  ///< of a block

/// What a kernel is compiled for.
struct Variant {
  bool bfloat16 = false;       ///< the type of maps; else float32
  bool channels_last = false;  ///< how maps lie in memory; else contiguous
  int width = 1;               ///< numbers that a thread takes at a time

  auto operator<=>(const Variant&) const = default;
  /// For messages, such as "bfloat16, channels last, 8 wide".
  std::string text() const;
};

/// A kernel, and on how many blocks it is to run.
struct Launch {
  const char* source;  ///< the file that it is in, without the extension
  const char* kernel;
  Variant variant;
  std::array<unsigned, 3> grid;
  torch::Device device = torch::kCUDA;
};

/// The values of a kernel's parameters, and their sizes in bytes, by which a test sees that they are its.
struct Arguments {
  void** values;
  const size_t* sizes;
  size_t count;
};

/// What runs kernels: a GPU's driver, or a test.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Runs a kernel behind all that its device has been told to do.
  virtual void run(const Launch& launch, const Arguments& arguments) = 0;
};

/// While an object lives, tensors on the processor are treated as if they were on a GPU, whose kernels `backend` runs,
/// by all operations that its thread calls. It is for tests.
class EmulationScope {
 public:
  explicit EmulationScope(Backend& backend);
  ~EmulationScope();
  EmulationScope(const EmulationScope&) = delete;
  EmulationScope& operator=(const EmulationScope&) = delete;

 private:
  Backend* const before_;
};

/// Returns true if an EmulationScope is active on this thread.
bool emulated();

/// Returns true if `t` is on a GPU, or treated so.
bool on_gpu(const torch::Tensor& t);

/// Returns true if these kernels take tensors like `t`: on a GPU whose driver and compiler were found, not empty, of
/// float32 or bfloat16 and less than 2^31 numbers. The first call says in a line on stderr if a GPU lacks something.
bool runs(const torch::Tensor& t);

/// Runs a kernel, whose parameters are of the types of `values`.
void run(const Launch& launch, const Arguments& arguments);
template <class... Values>
void run(const Launch& launch, Values... values) {
  void* pointers[] = {static_cast<void*>(&values)...};
  constexpr size_t kSizes[] = {sizeof(values)...};
  run(launch, Arguments{pointers, kSizes, sizeof...(values)});
}

/// Maps [N, C, H, W] or [N, C] as kernels see them.
struct Maps {
  /// Of a tensor in the layout of working_layout().
  explicit Maps(const torch::Tensor& x);

  int images, channels, height, width, pixels;
  bool bfloat16, channels_last;

  /// Returns the variant for maps like these that begin at the addresses: as many numbers at a time as 16 bytes hold,
  /// if all addresses and sizes are multiples of that, else one.
  Variant variant(std::initializer_list<const void*> addresses) const;
  /// Returns a launch of a kernel in which each thread takes packs of these maps.
  Launch packs(const char* source, const char* kernel, const Variant& variant, const torch::Tensor& x) const;
};

/// The division of a sum over the pixels of each image and channel among blocks (the sources' Sweep). Each block's sums
/// have a place of their own, so that results do not depend on timing.
class Sweep {
 public:
  Sweep(const Maps& maps, const Variant& variant);
  Launch launch(const char* source, const char* kernel, const torch::Tensor& x) const;
  int tile() const { return tile_; }
  /// Returns room for the blocks' sums, [N, blocks, C] of float32 on x's device.
  torch::Tensor sums(const torch::Tensor& x) const;
  /// Adds them up, [N, C].
  static torch::Tensor total(const torch::Tensor& sums) { return sums.size(1) == 1 ? sums.squeeze(1) : sums.sum(1); }

  int slices() const { return slices_; }

 private:
  Variant variant_;
  int images_, channels_, tile_, tiles_, slices_;
};

/// The numbers of a float32 tensor that is contiguous, or null if it is undefined.
const float* floats_of(const torch::Tensor& t);

}  // namespace dgl::ops::gpu
