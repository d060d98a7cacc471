#pragma once

#include <torch/types.h>

namespace dgl {

/// R1 (Mescheder et al. 2018, arXiv 1801.04406): the mean over the batch of |d score / d image|^2, of scores [N] of
/// images [N, C, H, W] that require a gradient. Differentiable.
torch::Tensor r1_penalty(const torch::Tensor& scores, const torch::Tensor& images);

/// Path-length regularization (arXiv 1912.04958, section 3.2).
struct PathLength {
  torch::Tensor penalty;  ///< mean over the batch of (length - mean)^2; differentiable
  torch::Tensor mean;     ///< the running mean with this batch in it, detached
};
/// length = |d (images . noise / sqrt(pixels)) / d w|, averaged over style inputs, for images [N, C, H, W] made from
/// ws [N, num_ws, w_dim] and noise of the images' shape; the running mean moves towards the batch's by `decay`.
PathLength path_length_penalty(const torch::Tensor& images, const torch::Tensor& ws, const torch::Tensor& noise,
                               const torch::Tensor& running_mean, double decay);

/// BigGAN's orthogonal regularization (arXiv 1809.11096, eq. 3) of a weight as a matrix W [rows, the rest]: half the
/// sum of squares off the diagonal of W W^T, so that its gradient is BigGAN-PyTorch's.
torch::Tensor orthogonal_penalty(const torch::Tensor& weight);

}  // namespace dgl
