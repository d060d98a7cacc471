#include "base/workers.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/error.h"
#include "base/runtime.h"

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

}  // namespace
}  // namespace dgl::test
