#pragma once

#include "metrics/features.h"
#include "metrics/frechet.h"

namespace dgl {

/// Feature statistics of a whole set, `batch` images at a time.
FeatureStatistics dataset_statistics(const Dataset& dataset, FeatureNetwork& features, int64_t batch,
                                     torch::Device device);

}  // namespace dgl
