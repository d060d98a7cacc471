#include "dgl/base/workers.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

struct Workers::Pool {
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(int64_t)>* work = nullptr;
  int64_t round = 0, busy = 0;
  bool stop = false;
  std::vector<std::exception_ptr> errors;
  std::vector<std::thread> threads;

  void serve(int64_t number, int intra) {
    // The first call makes libtorch set this thread's number to the process's, which must not happen later.
    at::get_num_threads();
    at::set_num_threads(intra);
    int64_t seen = 0;
    std::unique_lock lock(mutex);
    --busy;
    done.notify_one();
    while (true) {
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      const auto* job = work;
      lock.unlock();
      std::exception_ptr error;
      try {
        (*job)(number);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      errors[static_cast<size_t>(number)] = error;
      if (--busy == 0) done.notify_one();
    }
  }
};

Workers::Workers(int64_t count) : count_(count) {
  if (count < 1 || count > 1024) fail("{} workers: expected 1 to 1024", count);
  if (count == 1) return;
  const int threads = at::get_num_threads(), intra = std::max(1, threads / static_cast<int>(count));
  pool_ = std::make_unique<Pool>();
  pool_->busy = count;
  pool_->errors.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) pool_->threads.emplace_back([this, i, intra] { pool_->serve(i, intra); });
  std::unique_lock lock(pool_->mutex);
  pool_->done.wait(lock, [&] { return pool_->busy == 0; });
  // Restores the number: a worker's setting also becomes the default of threads that start later.
  at::set_num_threads(threads);
}

Workers::~Workers() {
  if (!pool_) return;
  {
    const std::lock_guard lock(pool_->mutex);
    pool_->stop = true;
  }
  pool_->wake.notify_all();
  for (auto& thread : pool_->threads) thread.join();
}

void Workers::run(const std::function<void(int64_t)>& work) {
  if (!pool_) return work(0);
  std::unique_lock lock(pool_->mutex);
  pool_->work = &work;
  pool_->busy = count_;
  ++pool_->round;
  pool_->wake.notify_all();
  pool_->done.wait(lock, [&] { return pool_->busy == 0; });
  for (const auto& error : pool_->errors) {
    if (error) std::rethrow_exception(error);
  }
}

void Workers::parallel_for(int64_t n, const std::function<void(int64_t, int64_t)>& work) {
  run([&](int64_t i) { work(n * i / count_, n * (i + 1) / count_); });
}

}  // namespace dgl
