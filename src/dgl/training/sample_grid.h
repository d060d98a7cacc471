#pragma once

#include "dgl/data/dataset.h"
#include "dgl/nn/network.h"

namespace dgl {

/// What the grids of a run show: eight images a row, and of conditional networks a label each row.
struct SampleGrid {
  int64_t columns = 8, rows = 8;
  std::vector<int64_t> row_labels;  ///< of each row; empty without labels

  /// Of networks of so many labels (0: none). Of more than 16 labels, 16 are shown, evenly spread.
  static SampleGrid of(int64_t classes);

  /// Images [rows * columns, C, R, R] of a generator on the CPU, on latents of a seed. One without labels gets none.
  torch::Tensor draw(Generator& generator, uint64_t seed, torch::Device device) const;
  /// Images of a set, uint8: spread over all of it, or over those of a row's label, again from the first where it has
  /// fewer than a row.
  torch::Tensor pick(const Dataset& dataset) const;
};

}  // namespace dgl
