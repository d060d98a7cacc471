#include "dgl/guidance/confidence_weight.h"

#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

Tensor ConfidenceWeight::evaluate(const WeightInput& input, std::map<std::string, Tensor>& statistics) const {
  const Tensor confidence = at::sigmoid(input.real_scores()).mean() - at::sigmoid(input.scores.detach()).mean();
  statistics["confidence"] = confidence;
  return mean_.value_or(confidence).clamp_min(0);
}

void ConfidenceWeight::update_statistics(const std::map<std::string, Tensor>& statistics) {
  mean_.update(statistics.at("confidence"));
}

}  // namespace dgl
