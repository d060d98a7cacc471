#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dgl {

/// Prepares the process for tensor work. Sets libtorch's number of threads to `threads`, since libtorch's default can
/// be 1. If `threads` is 0, takes all cores that this process may use, or under torchrun its share of them. Sets malloc
/// to keep large blocks mapped between steps, since page faults otherwise cost as much as the arithmetic. Throws Error
/// if `threads` or torchrun's LOCAL_WORLD_SIZE is out of range.
void init_runtime(int threads);

/// Disables TF32 and enables deterministic cuDNN so that runs are reproducible. init_runtime() calls it.
void make_gpus_exact();

/// While an object with `on` lives, GPUs multiply float32 matrices in TF32, and cuDNN takes the algorithms that it
/// found fastest, which need not give the same bits twice (training.gpu = "fast"). Processors are not concerned.
class FastGpus {
 public:
  explicit FastGpus(bool on);
  ~FastGpus();
  FastGpus(const FastGpus&) = delete;
  FastGpus& operator=(const FastGpus&) = delete;

 private:
  const bool on_;
};

/// Returns the number of cores that this process may use.
int usable_cores();

/// Returns the number of threads that libtorch uses now.
int runtime_threads();

/// Parses "auto", "cpu", "cuda" or "cuda:N". "auto" selects a GPU if libtorch sees one. Throws Error for another word
/// or for a GPU that does not exist.
torch::Device parse_device(const std::string& text);

/// Returns the values of tensors of one number each, on any one device, which is waited for once.
std::vector<double> read_numbers(const std::vector<torch::Tensor>& tensors);

/// Returns the seconds of a monotonic clock.
double now_seconds();

/// Returns a well-mixed 32-bit seed, made from the run's seed, a stream number and a counter (splitmix64). All random
/// numbers of training come from generators with such seeds, so that every step can be repeated on its own.
uint64_t stream_seed(uint64_t seed, uint64_t stream, uint64_t counter);

/// Returns a new random number generator on `device`, seeded with `seed`.
at::Generator make_random(torch::Device device, uint64_t seed);

}  // namespace dgl
