#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <string>

namespace dgl {

/// Prepares the process for tensor work: `threads` (0: all cores this process may use, or under torchrun its share of
/// them) for libtorch, whose default can be one, and malloc settings that keep big blocks mapped between steps, since
/// page faults otherwise cost as much as the arithmetic. Error for a number of threads, or a LOCAL_WORLD_SIZE of
/// torchrun, that cannot be.
void init_runtime(int threads);

/// On a GPU, float32 is float32, not TF32, and a convolution is computed in one way only, so that runs can be repeated.
/// init_runtime does this, too.
void make_gpus_exact();

/// The cores that this process may use.
int usable_cores();

/// The threads that libtorch works with now.
int runtime_threads();

/// "auto" | "cpu" | "cuda" | "cuda:N" as a device; auto takes a GPU where libtorch sees one.
/// Error for another word, or for a GPU that is not there.
torch::Device parse_device(const std::string& text);

/// Seconds on a clock that never goes back.
double now_seconds();

/// A well-mixed 32-bit seed for one random stream, from the run's seed, a stream's number and a counter (splitmix64).
/// All randomness of training is drawn from generators seeded so, which makes every step repeatable on its own.
uint64_t stream_seed(uint64_t seed, uint64_t stream, uint64_t counter);

/// A generator of random numbers of its own on `device`, which starts from `seed`.
at::Generator make_random(torch::Device device, uint64_t seed);

}  // namespace dgl
