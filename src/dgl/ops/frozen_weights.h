#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

namespace dgl::ops {

/// While one lives, weights that its thread passes through networks do not change, and no gradients are wanted: what is
/// derived from a weight alone (its spectral norm, Winograd's transform of it, its copy in another type) is computed
/// once and kept until the outermost one ends. For sampling over and over; one image at a time is bound by the weights.
class FrozenWeights {
 public:
  FrozenWeights();
  ~FrozenWeights();
  FrozenWeights(const FrozenWeights&) = delete;
  FrozenWeights& operator=(const FrozenWeights&) = delete;

  /// make(), or what it gave before for this weight (by its memory and shape) and this name, where weights are frozen.
  static torch::Tensor derived(const torch::Tensor& weight, const char* name,
                               const std::function<torch::Tensor()>& make);

 private:
  struct Kept;
  static thread_local Kept* kept_;
  std::unique_ptr<Kept> own_;  // of the outermost
};

}  // namespace dgl::ops
