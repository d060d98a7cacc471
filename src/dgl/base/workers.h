#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace dgl {

/// A few threads that work concurrently. Each has an equal share of the threads that one tensor operation may use
/// (`runtime_threads()`). They keep the cores busy with networks that are too small to share one operation between
/// cores.
class Workers {
 public:
  /// Starts `count` workers. A single worker runs on the calling thread, with all threads for every operation. Throws
  /// Error if `count` is not from 1 to 1024.
  explicit Workers(int64_t count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int64_t count() const { return count_; }
  /// Calls work(i) for i = 0 … count - 1, each on its own thread, and waits for all. If several throw, rethrows the
  /// exception of the lowest i.
  void run(const std::function<void(int64_t)>& work);
  /// Divides [0, n) among the workers and calls work(first, last) for each share. Prefer this to tensor operations on
  /// the calling thread between shards. Libtorch's pool threads spin for a while after each operation and take cores
  /// from the workers.
  void parallel_for(int64_t n, const std::function<void(int64_t, int64_t)>& work);

 private:
  struct Pool;
  int64_t count_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace dgl
