#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace dgl {

/// A few threads that work side by side, each with an equal share of the threads that one tensor operation may use
/// (`runtime_threads()`). Networks too small to share one operation between cores keep the cores busy this way.
class Workers {
 public:
  /// At least 1 worker; one alone works on the calling thread, with all threads for every operation.
  explicit Workers(int64_t count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int64_t count() const { return count_; }
  /// Calls work(0 … count - 1), each on its own thread, and waits for all. Throws what the first of them threw.
  void run(const std::function<void(int64_t)>& work);
  /// Divides [0, n) among the workers and calls work(first, last) for each share. Between shards of tensor work it is
  /// to be preferred to operations on the calling thread: these wake threads of libtorch's, which then spin for a while
  /// and take a core from a worker.
  void parallel_for(int64_t n, const std::function<void(int64_t, int64_t)>& work);

 private:
  struct Pool;
  int64_t count_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace dgl
