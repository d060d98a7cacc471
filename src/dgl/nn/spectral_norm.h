#pragma once

#include "dgl/base/torch.h"

namespace dgl {

/// How a pass through a network treats the state that rides along with its weights.
struct Pass {
  bool iterate = false;  ///< keep the power iteration's vectors
  double momentum = 0;   ///< of batch statistics, taken of this batch and kept; 0: the stored ones are used as they are

  static Pass evaluation() { return {}; }
  static Pass training() { return {true, 0.1}; }
};

/// weight / sigma, where sigma is u (W v)^T, an estimate of the largest singular value of the weight as a matrix
/// W [rows, the rest] by one power iteration from the stored u0 [1, rows] (Miyato et al. 2018, arXiv 1802.05957): v is
/// u0 W normalized, u is W v normalized, both without gradients. `iterate` stores u for the next time.
torch::Tensor spectral_normalized(const torch::Tensor& weight, torch::Tensor& u0, bool iterate);

/// A parameter `weight` [rows, …] with its vector `u0`, and optionally a `bias` [rows].
class SpectralWeight : public torch::nn::Module {
 public:
  SpectralWeight(at::IntArrayRef sizes, bool has_bias);
  torch::Tensor normalized(const Pass& pass);
  const torch::Tensor& weight() const { return weight_; }
  /// Undefined where there is none.
  const torch::Tensor& bias() const { return bias_; }

 private:
  torch::Tensor weight_, u0_, bias_;
};

}  // namespace dgl
