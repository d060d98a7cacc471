#pragma once

#include <map>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/guidance/running_mean.h"
#include "dgl/guidance/weight.h"

namespace dgl {

/// Silences a teacher about images that it takes to be as real as real ones already:
///
///     w_i = 1 if s_i < running mean of E D_t(real), else 0
///
/// A frozen teacher without an opponent would be satisfied ever better by images that look like none of the data. Our
/// own. Costs one pass of the real images through the teacher.
class BelowRealWeight : public Weight {
 public:
  /// `decay` in 0 … 1 of the running mean.
  explicit BelowRealWeight(double decay) : mean_(decay) {}
  torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const override;
  void update_statistics(const std::map<std::string, torch::Tensor>& statistics) override;
  std::map<std::string, torch::Tensor> state() const override { return mean_.state(); }

 private:
  RunningMean mean_;
};

}  // namespace dgl
