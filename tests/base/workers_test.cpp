#include "dgl/base/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "dgl/base/error.h"
#include "dgl/base/parallel.h"
#include "dgl/base/runtime.h"

namespace dgl::test {
namespace {

TEST(Workers, EachWorksOnceARound) {
  for (const int64_t count : {1, 2, 5}) {
    Workers workers(count);
    std::vector<int> calls(static_cast<size_t>(count), 0);
    for (int round = 1; round <= 20; ++round) {
      workers.run([&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(count), round));
    }
  }
}

TEST(Workers, ShareTheThreadsOfOperations) {
  const int before = runtime_threads();
  init_runtime(4);
  Workers workers(2);
  std::vector<int> threads(2);
  workers.run([&](int64_t i) {
    torch::ones({8}).sum();  // an operation lets libtorch set up the thread
    threads[static_cast<size_t>(i)] = runtime_threads();
  });
  EXPECT_EQ(threads, (std::vector<int>{2, 2}));
  EXPECT_EQ(runtime_threads(), 4);
  init_runtime(before);
}

TEST(Workers, AnErrorReachesTheCallerAndTheyGoOn) {
  Workers workers(3);
  EXPECT_THROW(workers.run([](int64_t i) {
    if (i == 1) fail("worker {} failed", i);
  }),
               Error);
  std::atomic<int> calls{0};
  workers.run([&](int64_t) { ++calls; });
  EXPECT_EQ(calls, 3);
}

TEST(Workers, DivideCoversEverythingOnce) {
  Workers workers(3);
  std::vector<int> seen(10, 0);
  workers.parallel_for(10, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) ++seen[static_cast<size_t>(i)];
  });
  EXPECT_EQ(seen, std::vector<int>(10, 1));
}

TEST(ParallelFor, UsesTheThreads) {
  const int before = runtime_threads();
  init_runtime(4);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::vector<int> seen(4000, 0);
  parallel_for(0, 4000, 1000, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) ++seen[static_cast<size_t>(i)];
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(threads.size(), 4u);
  EXPECT_EQ(seen, std::vector<int>(4000, 1));
  init_runtime(before);
}

}  // namespace
}  // namespace dgl::test
