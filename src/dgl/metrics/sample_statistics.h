#pragma once

#include <functional>

#include "dgl/metrics/features.h"
#include "dgl/metrics/frechet.h"
#include "dgl/nn/sampling.h"

namespace dgl {

/// Calls `use` with batches of images [n, C, R, R] uint8 (as they would be written to a file) and their labels [n] on
/// the CPU (undefined for an unconditional generator) until all are drawn.
void for_each_sample(Sampler& sampler, const DrawOptions& options,
                     const std::function<void(const torch::Tensor& images_u8, const torch::Tensor& labels)>& use);

/// Feature statistics of a sampler's images.
FeatureStatistics sample_statistics(Sampler& sampler, FeatureNetwork& features, const DrawOptions& options);

}  // namespace dgl
