#pragma once

#include <cstdint>
#include <string>

namespace dgl::ops {

/// The name of the kernels that this process runs: "x86-64-v2", "avx2", "avx512" or "avx512bf16" (which uses AMX too,
/// where the processor has it), the best that the processor has, or a lesser one that the environment variable
/// DGL_KERNELS names. In a build for one instruction set (DGL_MARCH) it is that one's name. Kernels of different sets
/// round differently.
std::string kernel_set();

/// Returns true if the processor has instructions for bfloat16 numbers, without which it computes with them more slowly
/// than with float32. True for what is not an x86-64 processor, of which it is not known.
bool processor_has_bfloat16();

/// The float32 numbers in a vector register of these kernels.
int64_t register_numbers();

/// Returns true if these kernels can multiply bfloat16 numbers as such (FastProducts).
bool kernels_multiply_bfloat16();

}  // namespace dgl::ops
