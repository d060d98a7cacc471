#pragma once

#include <cstdint>
#include <functional>

#include "dgl/base/torch.h"
#include "dgl/metrics/features.h"
#include "dgl/metrics/frechet.h"

namespace dgl {

/// Images of a set that pass through a feature network at once where its statistics are taken. Sums in another order
/// have other last bits, so that everything that keeps or compares statistics takes this number.
constexpr int64_t kStatisticsBatch = 64;

/// Calls `use` with all images of a set in order, `batch` at a time (the last batch may be shorter). Passes images
/// [n, C, R, R] uint8, labels [n] (undefined without labels) and the number of images so far.
void for_each_batch(
    const Dataset& dataset, int64_t batch,
    const std::function<void(const torch::Tensor& images_u8, const torch::Tensor& labels, int64_t done)>& use);

/// Computes feature statistics of a whole set, `batch` images at a time.
FeatureStatistics dataset_statistics(const Dataset& dataset, FeatureNetwork& features, int64_t batch,
                                     torch::Device device);

}  // namespace dgl
