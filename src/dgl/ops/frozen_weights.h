#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

namespace dgl::ops {

/// While an object lives, the weights that its thread passes through networks must not change, and no gradients are
/// wanted. Tensors that depend on a weight alone are then computed once and kept until the outermost object ends.
/// Examples are its spectral norm, its Winograd transform and its copy in another type. This is for repeated sampling,
/// since the weights limit the speed at which single images are sampled.
class FrozenWeights {
 public:
  FrozenWeights();
  ~FrozenWeights();
  FrozenWeights(const FrozenWeights&) = delete;
  FrozenWeights& operator=(const FrozenWeights&) = delete;

  /// Returns make(). If weights are frozen, reuses the result for the same weight (its memory and shape) and the same
  /// `name`.
  static torch::Tensor derived(const torch::Tensor& weight, const char* name,
                               const std::function<torch::Tensor()>& make);

 private:
  struct Kept;
  static thread_local Kept* kept_;
  std::unique_ptr<Kept> own_;  // set in the outermost object
};

}  // namespace dgl::ops
