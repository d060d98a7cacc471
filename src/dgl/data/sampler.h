#pragma once

#include <torch/types.h>

#include <cstdint>
#include <future>
#include <memory>
#include <optional>

#include "dgl/data/dataset.h"

namespace dgl {

/// One batch of real images.
struct Batch {
  torch::Tensor images;  ///< [N, C, R, R] float32 in -1 … 1
  torch::Tensor labels;  ///< [N] int64; undefined for an unlabeled set
};

/// Endless shuffled batches. Every epoch is a new permutation of the whole set, drawn from (seed, epoch). Batch k is a
/// pure function of (dataset, seed, mirror, batch size, k), so a resumed run continues exactly. A background thread
/// prepares the next batch while the caller works.
class BatchSampler {
 public:
  /// `mirror` flips each image left to right with probability 1/2, drawn from (seed, k). Each batch is split into
  /// `shares` equal parts, in order; this sampler returns part number `share`.
  BatchSampler(std::shared_ptr<const Dataset> dataset, int64_t batch, uint64_t seed, bool mirror, int64_t share = 0,
               int64_t shares = 1);
  ~BatchSampler();

  /// Makes batches in page-locked memory from now on, from which a GPU copies while the processor goes on.
  void pin();

  /// Returns batch number `k` (from 0), on the CPU.
  Batch batch(int64_t k);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dgl
