#pragma once

#include <functional>

#include "dgl/metrics/features.h"
#include "dgl/metrics/frechet.h"

namespace dgl {

/// Calls `use` with every image of a set in order, [n, C, R, R] uint8, `batch` at a time (the last may be shorter),
/// with their labels [n] (undefined without labels), and with how many have come.
void for_each_batch(
    const Dataset& dataset, int64_t batch,
    const std::function<void(const torch::Tensor& images_u8, const torch::Tensor& labels, int64_t done)>& use);

/// Feature statistics of a whole set, `batch` images at a time.
FeatureStatistics dataset_statistics(const Dataset& dataset, FeatureNetwork& features, int64_t batch,
                                     torch::Device device);

}  // namespace dgl
