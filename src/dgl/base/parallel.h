#pragma once

#include <cstdint>
#include <functional>

namespace dgl {

/// Calls work(first, last) on pieces of [begin, end) that together cover it, on the threads that one tensor operation
/// may use, `grain` numbers or more to a piece; on the calling thread where there is not work for two. (libtorch's own
/// at::parallel_for is a template, which works on one thread alone in a file that is not compiled for OpenMP.)
void parallel_for(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& work);

}  // namespace dgl
