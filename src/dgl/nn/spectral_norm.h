#pragma once

#include "dgl/base/torch.h"

namespace dgl {

/// Controls whether a forward pass updates power-iteration vectors and batch statistics.
struct Pass {
  bool iterate = false;  ///< store the vector of the power iteration
  double momentum = 0;   ///< weight of this batch in the stored batch statistics; 0: use the stored ones, unchanged

  static Pass evaluation() { return {}; }
  static Pass training() { return {true, 0.1}; }
};

/// Returns weight / sigma. sigma is u (W v)^T, an estimate of the largest singular value of the weight as a matrix W
/// [rows, the rest]. It comes from one power iteration that starts at the stored `u0` [1, rows] (Miyato et al. 2018,
/// arXiv 1802.05957): v is the normalized u0 W, and u is the normalized W v. Both are computed without gradients.
/// `iterate` stores u in `u0` for the next call.
torch::Tensor spectral_normalized(const torch::Tensor& weight, torch::Tensor& u0, bool iterate);

/// A parameter `weight` [rows, …] with its vector `u0`, and optionally a `bias` [rows].
class SpectralWeight : public torch::nn::Module {
 public:
  SpectralWeight(at::IntArrayRef sizes, bool has_bias);
  torch::Tensor normalized(const Pass& pass);
  /// Takes `steps` steps of the power iteration, after the weight has been replaced.
  void iterate(int steps);
  const torch::Tensor& weight() const { return weight_; }
  /// Undefined if there is no bias.
  const torch::Tensor& bias() const { return bias_; }

 private:
  torch::Tensor weight_, u0_, bias_;
};

}  // namespace dgl
