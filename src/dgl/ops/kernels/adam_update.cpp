#include "dgl/ops/adam_update.h"

#include <cmath>
#include <cstdint>

namespace dgl::ops {

void adam_update(float* __restrict parameters, float* __restrict m, float* __restrict v,
                 const float* __restrict gradient, int64_t n, const AdamNumbers& numbers) {
  const auto [beta1, beta2, rate, scale, epsilon] = numbers;
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient ? gradient[i] : 0.0F;
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    parameters[i] -= rate * m[i] / (std::sqrt(v[i]) * scale + epsilon);
  }
}

}  // namespace dgl::ops
