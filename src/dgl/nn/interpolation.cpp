#include "dgl/nn/interpolation.h"

#include <algorithm>
#include <cmath>

namespace dgl {

torch::Tensor slerp(const torch::Tensor& from, const torch::Tensor& to, double t) {
  const torch::Tensor a = from.to(torch::kDouble), b = to.to(torch::kDouble);
  const double lengths = a.norm().item<double>() * b.norm().item<double>();
  const double cosine = lengths > 0 ? std::clamp((a * b).sum().item<double>() / lengths, -1.0, 1.0) : 1;
  const double angle = std::acos(cosine), sine = std::sin(angle);
  constexpr double kLeastSine = 1e-6;
  const double share_a = sine < kLeastSine ? 1 - t : std::sin((1 - t) * angle) / sine;
  const double share_b = sine < kLeastSine ? t : std::sin(t * angle) / sine;
  return (a * share_a + b * share_b).to(from.scalar_type());
}

}  // namespace dgl
