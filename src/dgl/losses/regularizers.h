#pragma once

#include <torch/types.h>

namespace dgl {

/// Returns the R1 penalty (Mescheder et al. 2018, arXiv 1801.04406): the mean over the batch of |d score / d image|^2.
/// Takes scores [N] of images [N, C, H, W] that require a gradient. Differentiable.
torch::Tensor r1_penalty(const torch::Tensor& scores, const torch::Tensor& images);

/// Path-length regularization (arXiv 1912.04958, section 3.2).
struct PathLength {
  torch::Tensor penalty;  ///< mean over the batch of (length - mean)^2; differentiable
  torch::Tensor mean;     ///< the running mean including this batch, detached
};
/// Computes length = |d (images . noise / sqrt(pixels)) / d w|, averaged over style inputs. Takes images [N, C, H, W]
/// made from ws [N, num_ws, w_dim], and noise of the images' shape. The running mean moves toward the batch's mean by
/// `decay`.
PathLength path_length_penalty(const torch::Tensor& images, const torch::Tensor& ws, const torch::Tensor& noise,
                               const torch::Tensor& running_mean, double decay);

/// Returns BigGAN's orthogonal regularization (arXiv 1809.11096, eq. 3) of a weight, as a matrix W [rows, the rest]. It
/// is half the sum of squares off the diagonal of W W^T, so that its gradient equals BigGAN-PyTorch's.
torch::Tensor orthogonal_penalty(const torch::Tensor& weight);

}  // namespace dgl
