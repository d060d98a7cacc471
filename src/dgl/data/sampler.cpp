#include "dgl/data/sampler.h"

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"

namespace dgl {

namespace {

enum Stream : uint64_t { kPermutation = 1, kMirror = 2 };

/// Fisher-Yates shuffle with a generator that is the same in every standard library.
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
  int64_t size;          // images of a whole batch
  int64_t first, count;  // the part of a batch that this sampler returns
  uint64_t seed;
  bool mirror;
  bool pinned = false;
  torch::Tensor values = to_unit_range(torch::arange(256, torch::kByte));  // float value of each byte
  // State of the most recently read epoch. Only one thread at a time uses it.
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

  /// Uses plain loops because libtorch's operations would start another thread pool beside the training thread.
  Batch make(int64_t k) {
    std::vector<int64_t> indices;
    for (int64_t i = first; i < first + count; ++i) indices.push_back(index_of(k * size + i));
    const torch::Tensor bytes = dataset->images(indices);
    Batch batch{torch::empty(bytes.sizes(), torch::dtype(torch::kFloat).pinned_memory(pinned)), {}};
    if (dataset->labeled()) batch.labels = dataset->labels(indices);
    const int64_t width = bytes.size(3), rows = bytes.size(1) * bytes.size(2);
    const float* value = values.data_ptr<float>();
    const uint8_t* from = bytes.data_ptr<uint8_t>();
    float* to = batch.images.data_ptr<float>();
    std::mt19937_64 random(stream_seed(seed, kMirror, static_cast<uint64_t>(k)));
    random.discard(static_cast<unsigned long long>(first));  // skip the numbers of the images before
    for (int64_t i = 0; i < count; ++i) {
      const bool flip = mirror && (random() & 1);
      for (int64_t row = 0; row < rows; ++row, from += width, to += width) {
        for (int64_t x = 0; x < width; ++x) to[x] = value[from[flip ? width - 1 - x : x]];
      }
    }
    return batch;
  }
};

BatchSampler::BatchSampler(std::shared_ptr<const Dataset> dataset, int64_t batch, uint64_t seed, bool mirror,
                           int64_t share, int64_t shares)
    : impl_(std::make_unique<Impl>()) {
  if (batch < 1) fail("a batch of {} images: expected 1 or more", batch);
  impl_->dataset = std::move(dataset);
  if (shares < 1 || batch % shares != 0 || share < 0 || share >= shares) {
    fail("share {} of {} of a batch of {} images: expected shares of equal size, counted from 0", share, shares, batch);
  }
  impl_->size = batch;
  impl_->count = batch / shares;
  impl_->first = share * impl_->count;
  impl_->seed = seed;
  impl_->mirror = mirror;
}

BatchSampler::~BatchSampler() {
  if (impl_->next.valid()) impl_->next.wait();
}

void BatchSampler::pin() { impl_->pinned = true; }

Batch BatchSampler::batch(int64_t k) {
  if (k < 0) fail("batch number {}: expected 0 or more", k);
  Batch ready = impl_->next.valid() ? impl_->next.get() : Batch{};
  if (impl_->next_index != k || !ready.images.defined()) ready = impl_->make(k);
  impl_->next_index = k + 1;
  impl_->next = std::async(std::launch::async, [impl = impl_.get(), k] { return impl->make(k + 1); });
  return ready;
}

}  // namespace dgl
