#pragma once

#include <torch/csrc/autograd/autograd.h>

#include <array>

namespace dgl::ops {

/// The first N gradients of a fused layer that is to be differentiated again, in a list of `size`: those of
/// `composition`, which computes the layer anew from `inputs` by operations of their own. `dy` is the output's
/// gradient. Only what `needs` says is given. The inputs are replaced by aliases, since one may be made of another and
/// the layer's own gradient alone is wanted.
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
