#pragma once

#include <cstdint>
#include <functional>

namespace dgl {

/// Calls work(first, last) on pieces that together cover [begin, end), on the threads that one tensor operation may
/// use. Each piece has `grain` numbers or more. Runs on the calling thread if there is too little work for two.
/// at::parallel_for is a template, and uses only one thread in a file that is not compiled for OpenMP.
void parallel_for(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& work);

}  // namespace dgl
