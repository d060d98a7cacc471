#include "dgl/ops/kernel_set.h"
#include "dgl/ops/vec.h"

namespace dgl::ops {

int64_t register_numbers() { return kVecSize; }

bool kernels_multiply_bfloat16() { return kHalfProducts; }

}  // namespace dgl::ops
