#include "dgl/nn/spectral_norm.h"

#include "dgl/ops/frozen_weights.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Bounds the norm that is divided by from below; the reference's settings range from 1e-12 to 1e-6.
constexpr double kEpsilon = 1e-8;

Tensor unit(const Tensor& x) { return x / x.norm().clamp_min(kEpsilon); }

}  // namespace

Tensor spectral_normalized(const Tensor& weight, Tensor& u0, bool iterate) {
  const Tensor matrix = weight.reshape({weight.size(0), -1});
  Tensor v;
  {
    torch::NoGradGuard no_grad;
    v = unit(at::mv(matrix.t(), u0.view(-1)));
  }
  const Tensor wv = at::mv(matrix, v), u = unit(wv.detach());
  if (iterate) {
    torch::NoGradGuard no_grad;
    u0.view(-1).copy_(u);
  }
  return weight / at::dot(u, wv);
}

SpectralWeight::SpectralWeight(at::IntArrayRef sizes, bool has_bias) {
  weight_ = register_parameter("weight", torch::zeros(sizes));
  if (has_bias) bias_ = register_parameter("bias", torch::zeros({sizes[0]}));
  u0_ = register_buffer("u0", torch::ones({1, sizes[0]}));
}

Tensor SpectralWeight::normalized(const Pass& pass) {
  if (pass.iterate) return spectral_normalized(weight_, u0_, true);
  return ops::FrozenWeights::derived(weight_, "spectral", [&] { return spectral_normalized(weight_, u0_, false); });
}

void SpectralWeight::iterate(int steps) {
  for (int i = 0; i < steps; ++i) spectral_normalized(weight_, u0_, true);
}

}  // namespace dgl
