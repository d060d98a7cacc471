#pragma once

#include <cstdint>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// What the grids of a run show: eight images a row, and of conditional networks a label each row.
struct SampleGrid {
  int64_t columns = 8, rows = 8;
  std::vector<int64_t> row_labels{};  ///< of each row; empty without labels

  /// A grid for networks of `classes` labels (0: none). Of more than 16 labels, 16 are shown, evenly spread.
  static SampleGrid of(int64_t classes);

  /// Images [rows * columns, C, H, W] of a sampler on the CPU, on latents of a seed; a sampler that translates images
  /// gets those that pick() takes of `inputs`. A sampler without labels gets none.
  torch::Tensor draw(Sampler& sampler, uint64_t seed, torch::Device device, const Dataset* inputs = nullptr) const;
  /// Images of a set, uint8: spread over all of it, or over those of a row's label, again from the first if it has
  /// fewer than a row.
  torch::Tensor pick(const Dataset& dataset) const;
};

}  // namespace dgl
