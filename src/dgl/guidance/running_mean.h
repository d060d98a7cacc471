#pragma once

#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

/// The mean of a number over steps, the newest the heaviest: sum of decay^k times the number k steps ago, over the sum
/// of these factors.
class RunningMean {
 public:
  /// `decay` in 0 … 1.
  explicit RunningMean(double decay) : decay_(decay), sum_(at::zeros({})), mass_(at::zeros({})) {}

  /// The mean, on the device of `current`, which it is before the first update.
  torch::Tensor value_or(const torch::Tensor& current) const {
    return mass_.item<double>() > 0 ? (sum_ / mass_).to(current.device()) : current;
  }
  void update(const torch::Tensor& number) {
    sum_.lerp_(number.to(sum_), 1 - decay_);
    mass_.lerp_(at::ones({}), 1 - decay_);
  }
  /// Its tensors, shared with it.
  std::map<std::string, torch::Tensor> state() const { return {{"sum", sum_}, {"mass", mass_}}; }

 private:
  double decay_;
  torch::Tensor sum_, mass_;
};

}  // namespace dgl
