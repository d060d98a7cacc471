#include "dgl/ops/kernel_set.h"

#include <cstdlib>

namespace dgl::ops {

bool processor_has_bfloat16() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512bf16");
#else
  return true;
#endif
}

}  // namespace dgl::ops

#ifdef DGL_KERNEL_SETS

#include <cstdio>
#include <cstring>
#include <iterator>

// What cmake/kernel_sets.sh writes: the addresses through which the operations are called, and, of each set of kernels
// in the order of kSets, the addresses of its own.
extern "C" {
extern const uint64_t dgl_kernel_count;
extern const void* dgl_kernels[];
extern const void* const* const dgl_kernel_tables[];
void dgl_choose_kernels();
}

namespace dgl::ops {

namespace {

struct KernelSet {
  const char* name;
  bool (*supported)();
};

bool any_processor() { return true; }
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool has_avx512bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

constexpr KernelSet kSets[] = {
    {"x86-64-v2", any_processor}, {"avx2", has_avx2}, {"avx512", has_avx512}, {"avx512bf16", has_avx512bf16}};
const char* chosen_name = kSets[0].name;

}  // namespace

std::string kernel_set() { return chosen_name; }

}  // namespace dgl::ops

// Runs before the constructors of global objects. Errors are of the environment variable alone.
void dgl_choose_kernels() {
  using dgl::ops::kSets;
  const char* wanted = std::getenv("DGL_KERNELS");
  const void* const* table = nullptr;
  __builtin_cpu_init();
  for (size_t i = 0; i < std::size(kSets) && kSets[i].supported(); ++i) {
    if (wanted && *wanted && std::strcmp(wanted, kSets[i].name) != 0) continue;
    table = dgl_kernel_tables[i];
    dgl::ops::chosen_name = kSets[i].name;
  }
  if (!table) {
    std::fprintf(stderr, "dgl: error: DGL_KERNELS=%s: expected one of", wanted);
    for (const auto& set : kSets) {
      if (set.supported()) std::fprintf(stderr, " %s", set.name);
    }
    std::fprintf(stderr, ", which this processor has\n");
    std::_Exit(1);
  }
  std::memcpy(dgl_kernels, table, dgl_kernel_count * sizeof(void*));
}

#else

#ifndef DGL_KERNEL_NAME
#define DGL_KERNEL_NAME "default"  // the compiler's
#endif

namespace dgl::ops {

std::string kernel_set() { return DGL_KERNEL_NAME; }

}  // namespace dgl::ops

#endif
