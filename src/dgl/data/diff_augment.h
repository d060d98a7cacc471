#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <string>

namespace dgl {

/// What DiffAugment changes (Zhao et al. 2020, arXiv 2006.10738). Every image draws numbers of its own; u is uniform in
/// 0 … 1.
struct DiffAugment {
  bool color = false;        ///< brightness + (u - 1/2); saturation times 2u; contrast times 1/2 + u
  bool translation = false;  ///< by up to an eighth of the side either way, zeros (mid-gray) where nothing is
  bool cutout = false;       ///< a square of half the side, its center anywhere, set to 0

  /// "color,translation,cutout" or some of them; "" for none. Error that names `key` for another word.
  static DiffAugment parse(const std::string& text, const std::string& key);
  bool any() const { return color || translation || cutout; }

  /// Images [N, C, R, R] in -1 … 1, each changed by each operation with probability `p`, with gradients of every order;
  /// random numbers from `random`.
  torch::Tensor operator()(const torch::Tensor& images, const at::Generator& random, double p = 1) const;
};

}  // namespace dgl
