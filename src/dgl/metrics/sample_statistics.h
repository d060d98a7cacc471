#pragma once

#include <functional>

#include "dgl/base/torch.h"
#include "dgl/metrics/features.h"
#include "dgl/metrics/frechet.h"
#include "dgl/nn/sampling.h"

namespace dgl {

/// Draws all images, the noise within the network anew for each (DrawOptions::random_noise, whatever `options` says),
/// as NVlabs's metrics do and rosinality's. Calls `use` with each batch: images [n, C, R, R] uint8 (as they would be
/// written to a file) and labels [n] on the CPU (undefined for an unconditional generator).
void for_each_sample(Sampler& sampler, const DrawOptions& options,
                     const std::function<void(const torch::Tensor& images_u8, const torch::Tensor& labels)>& use);

/// Computes feature statistics of a sampler's images.
FeatureStatistics sample_statistics(Sampler& sampler, FeatureNetwork& features, const DrawOptions& options);

}  // namespace dgl
