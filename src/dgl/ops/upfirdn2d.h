#pragma once

#include <torch/types.h>

#include <vector>

namespace dgl::ops {

/// A separable resampling filter: the same taps in both directions, and a gain on the whole.
struct Resample {
  std::vector<double> taps;  ///< 1 … 16 of them, e.g. {1, 3, 3, 1} / 8
  int64_t up = 1;            ///< 1 or 2: zeros inserted between pixels
  int64_t down = 1;          ///< 1 or 2: every how many-th pixel is kept
  int64_t pad0 = 0;          ///< zeros added before (left, top), after upsampling; negative crops
  int64_t pad1 = 0;          ///< zeros added after (right, bottom)
  double gain = 1;
};

/// Upsample, pad, filter (a true convolution: taps reversed against the data), downsample, as StyleGAN2's upfirdn2d
/// (Karras et al. 2020, arXiv 1912.04958, appendix B). x [N, C, H, W] -> [N, C, H', W'],
/// H' = (H * up + pad0 + pad1 - taps) / down + 1. Its derivative is itself, with up and down exchanged.
torch::Tensor upfirdn2d(const torch::Tensor& x, const Resample& resample);

/// The same as products with a banded matrix along each direction: upfirdn2d's kernel for 16-bit types on a GPU, whose
/// matrix units do them at nearly the speed of its memory, 40 times as fast as libtorch's depthwise convolution of 4
/// x 4.
torch::Tensor upfirdn2d_by_products(const torch::Tensor& x, const Resample& resample);

/// StyleGAN2's [1, 3, 3, 1] / 8.
const std::vector<double>& fir_1331();

}  // namespace dgl::ops
