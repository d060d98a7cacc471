#pragma once

#include <cstdint>
#include <vector>

#include "dgl/metrics/features.h"

namespace dgl {

/// Returns [n, 1 + count, C, R, R] uint8: each of `images` [n, C, R, R] uint8, and behind it the images of the set that
/// are nearest to it in the network's features, the nearest first. For a look at what a generator has memorized. Throws
/// Error if the set has fewer images than `count`.
torch::Tensor with_nearest_images(const torch::Tensor& images, const Dataset& set, FeatureNetwork& network,
                                  int64_t count, torch::Device device);

}  // namespace dgl
