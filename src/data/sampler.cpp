#include "data/sampler.h"

#include <random>

#include "base/runtime.h"

namespace dgl {

namespace {

enum Stream : uint64_t { kPermutation = 1, kMirror = 2 };

/// Fisher-Yates with a generator that every standard library implements alike.
std::vector<int64_t> permutation(int64_t n, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) order[static_cast<size_t>(i)] = i;
  std::mt19937_64 random(seed);
  for (uint64_t i = static_cast<uint64_t>(n) - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
  return order;
}

}  // namespace

struct BatchSampler::Impl {
  std::shared_ptr<const Dataset> dataset;
  int64_t size;
  uint64_t seed;
  bool mirror;
  // Of the epoch that was read last; touched by one thread at a time.
  int64_t epoch = -1;
  std::vector<int64_t> order;
  std::future<Batch> next;
  int64_t next_index = -1;

  int64_t index_of(int64_t position) {
    const int64_t count = dataset->info().count, wanted = position / count;
    if (wanted != epoch) {
      order = permutation(count, stream_seed(seed, kPermutation, static_cast<uint64_t>(wanted)));
      epoch = wanted;
    }
    return order[static_cast<size_t>(position % count)];
  }

  Batch make(int64_t k) {
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < size; ++i) indices.push_back(index_of(k * size + i));
    Batch batch{to_unit_range(dataset->images(indices)), {}};
    if (dataset->labelled()) batch.labels = dataset->labels(indices);
    if (mirror) {
      std::mt19937_64 random(stream_seed(seed, kMirror, static_cast<uint64_t>(k)));
      for (int64_t i = 0; i < size; ++i) {
        if (random() & 1) batch.images[i].copy_(batch.images[i].flip({2}));
      }
    }
    return batch;
  }
};

BatchSampler::BatchSampler(std::shared_ptr<const Dataset> dataset, int64_t batch, uint64_t seed, bool mirror)
    : impl_(std::make_unique<Impl>()) {
  impl_->dataset = std::move(dataset);
  impl_->size = batch;
  impl_->seed = seed;
  impl_->mirror = mirror;
}

BatchSampler::~BatchSampler() {
  if (impl_->next.valid()) impl_->next.wait();
}

Batch BatchSampler::batch(int64_t k) {
  Batch ready = impl_->next.valid() ? impl_->next.get() : Batch{};
  if (impl_->next_index != k || !ready.images.defined()) ready = impl_->make(k);
  impl_->next_index = k + 1;
  impl_->next = std::async(std::launch::async, [impl = impl_.get(), k] { return impl->make(k + 1); });
  return ready;
}

}  // namespace dgl
