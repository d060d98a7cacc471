#include "dgl/losses/regularizers.h"

#include <cmath>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Returns d sum(y) / d x, which is differentiable.
Tensor gradient_of(const Tensor& y, const Tensor& x) {
  return torch::autograd::grad({y.sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
}

}  // namespace

Tensor r1_penalty(const Tensor& scores, const Tensor& images) {
  return gradient_of(scores, images).square().sum({1, 2, 3}).mean();
}

PathLength path_length_penalty(const Tensor& images, const Tensor& ws, const Tensor& noise, const Tensor& running_mean,
                               double decay) {
  const double scale = 1 / std::sqrt(static_cast<double>(images.size(2) * images.size(3)));
  const Tensor lengths = gradient_of(images * (noise * scale), ws).square().sum(2).mean(1).sqrt();
  const Tensor mean = running_mean.lerp(lengths.mean(), decay);
  return {(lengths - mean).square().mean(), mean.detach()};
}

Tensor orthogonal_penalty(const Tensor& weight) {
  const Tensor matrix = weight.reshape({weight.size(0), -1});
  const Tensor products = at::mm(matrix, matrix.t());
  return 0.5 * (products.square().sum() - products.diagonal().square().sum());
}

}  // namespace dgl
