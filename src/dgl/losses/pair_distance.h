#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

/// What two batches of images are compared by: feature maps [N, C, H, W], one for each layer.
using FeatureMaps = std::vector<torch::Tensor>;

/// A distance [N] of pairs of images by their feature maps, 0 for equal ones. Differentiable in both.
using PairDistance = std::function<torch::Tensor(const FeatureMaps& x, const FeatureMaps& y)>;

/// Feature maps [N, C, H, W] whose pixels are scaled to length 1.
torch::Tensor unit_length(const torch::Tensor& maps);

/// Names of the distances:
///
///     unit   mean over layers and pixels of |u(x) - u(y)|², where u scales the features of a pixel to length 1: LPIPS
///            without its learned weights (Zhang et al. 2018, arXiv 1801.03924, eq. 1); 0 … 4
///     l1     mean over layers of the mean absolute difference (pix2pixHD, arXiv 1711.11585, eq. 4; DCD, arXiv
///            2212.14169, eq. 5)
std::vector<std::string> pair_distance_names();
/// Throws Error that names `key` for another name.
PairDistance make_pair_distance(const std::string& name, const std::string& key);

}  // namespace dgl
