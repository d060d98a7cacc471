#include "dgl/base/processor_time.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <thread>

#include "dgl/base/runtime.h"

namespace dgl {
namespace {

TEST(ProcessorSeconds, CountWorkOfAllThreadsAndNoWaiting) {
  const double start = processor_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(processor_seconds() - start, 0.2);

  const double before = processor_seconds();
  const auto work = [] {
    // Until this thread itself has worked for 0.1 s, however long it waits for a core.
    timespec time{};
    do {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    } while (time.tv_sec == 0 && time.tv_nsec < 100000000);
  };
  std::thread first(work), second(work);
  first.join();
  second.join();
  EXPECT_GE(processor_seconds() - before, 0.199);
  EXPECT_LT(processor_seconds() - before, 0.4);
}

}  // namespace
}  // namespace dgl
