#pragma once

#include <map>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/guidance/running_mean.h"
#include "dgl/guidance/weight.h"

namespace dgl {

/// How well the teacher tells real images from the student's, tracked over steps:
///
///     w = max(running mean of [E sigmoid(D_t(x)) - E sigmoid(D_t(G(z)))], 0)
///
/// 1 if the teacher separates real from generated images perfectly, 0 if it does no better than chance or worse. Our
/// own, after the statistic that ADA tracks of the student's discriminator (arXiv 2006.06676, eq. 1). Costs one pass of
/// the real images through the teacher.
class ConfidenceWeight : public Weight {
 public:
  /// `decay` in 0 … 1 of the running mean.
  explicit ConfidenceWeight(double decay) : mean_(decay) {}
  torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const override;
  void update_statistics(const std::map<std::string, torch::Tensor>& statistics) override;
  std::map<std::string, torch::Tensor> state() const override { return mean_.state(); }

 private:
  RunningMean mean_;
};

}  // namespace dgl
