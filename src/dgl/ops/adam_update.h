#pragma once

#include <cstdint>

namespace dgl::ops {

/// The numbers of an Adam step (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1), with the corrections of the moments'
/// biases in them.
struct AdamNumbers {
  float beta1, beta2;
  float rate;   ///< learning rate over 1 - beta1^t
  float scale;  ///< 1 over the square root of 1 - beta2^t
  float epsilon;
};

/// Updates n parameters and their moments in one pass over the memory. Without gradients (`gradient` null) these
/// are zeros.
void adam_update(float* parameters, float* m, float* v, const float* gradient, int64_t n, const AdamNumbers& numbers);

}  // namespace dgl::ops
