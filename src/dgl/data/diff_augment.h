#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <string>

namespace dgl {

/// DiffAugment (Zhao et al. 2020, arXiv 2006.10738). Every image draws its own random numbers; u is uniform in 0 … 1.
struct DiffAugment {
  bool color = false;        ///< brightness + (u - 1/2); saturation times 2u; contrast times 1/2 + u
  bool translation = false;  ///< shift by up to an eighth of the side in each direction, filled with 0 (mid-gray)
  bool cutout = false;       ///< a square of half the side, centered anywhere, set to 0

  /// Parses a comma-separated subset of "color,translation,cutout"; "" gives none. Throws Error, naming `key`, for an
  /// unknown word.
  static DiffAugment parse(const std::string& text, const std::string& key);
  bool any() const { return color || translation || cutout; }

  /// Applies each operation to each image with probability `p`, for images [N, C, R, R] in -1 … 1. Gradients of every
  /// order are supported. Random numbers come from `random`.
  torch::Tensor operator()(const torch::Tensor& images, const at::Generator& random, double p = 1) const;
};

}  // namespace dgl
