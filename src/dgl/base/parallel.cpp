#include "dgl/base/parallel.h"

#include <ATen/Parallel.h>

#ifndef _OPENMP
#error "this file is to be compiled for OpenMP (CMakeLists.txt)"
#endif

namespace dgl {

void parallel_for(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& work) {
  at::parallel_for(begin, end, grain, [&](int64_t first, int64_t last) { work(first, last); });
}

}  // namespace dgl
