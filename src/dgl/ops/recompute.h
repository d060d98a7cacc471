#pragma once

#include <torch/csrc/autograd/autograd.h>

#include <array>

#include "dgl/base/torch.h"

namespace dgl::ops {

/// Returns the first N gradients of a fused layer for double backward, in a list of `size`. Runs the layer again from
/// `inputs` as `composition`, which consists of separate operations. Returns only the gradients selected by `needs`.
/// `dy` is the gradient of the output. Inputs are aliased because one may depend on another, and only the layer's own
/// gradients are wanted.
template <size_t N, class F>
torch::autograd::variable_list recomputed_gradients(torch::autograd::variable_list inputs,
                                                    const std::array<bool, N>& needs, const torch::Tensor& dy,
                                                    size_t size, const F& composition) {
  torch::autograd::variable_list wanted, result(size);
  for (size_t i = 0; i < N; ++i) {
    if (needs[i]) wanted.push_back(inputs[i] = inputs[i].view_as(inputs[i]));
  }
  const auto gradients =
      torch::autograd::grad({composition(inputs)}, wanted, {dy}, /*retain_graph=*/true, /*create_graph=*/true);
  for (size_t i = 0, next = 0; i < N; ++i) {
    if (needs[i]) result[i] = gradients[next++];
  }
  return result;
}

}  // namespace dgl::ops
