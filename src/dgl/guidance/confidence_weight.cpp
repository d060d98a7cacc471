#include "dgl/guidance/confidence_weight.h"

#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

ConfidenceWeight::ConfidenceWeight(double decay) : decay_(decay), sum_(at::zeros({})), mass_(at::zeros({})) {}

Tensor ConfidenceWeight::evaluate(const WeightInput& input, std::map<std::string, Tensor>& statistics) const {
  const Tensor confidence = at::sigmoid(input.real_scores()).mean() - at::sigmoid(input.scores.detach()).mean();
  statistics["confidence"] = confidence;
  const Tensor mean = mass_.item<double>() > 0 ? (sum_ / mass_).to(confidence.device()) : confidence;
  return mean.clamp_min(0);
}

void ConfidenceWeight::update_statistics(const std::map<std::string, Tensor>& statistics) {
  sum_.lerp_(statistics.at("confidence").to(sum_), 1 - decay_);
  mass_.lerp_(at::ones({}), 1 - decay_);
}

std::map<std::string, Tensor> ConfidenceWeight::state() const { return {{"sum", sum_}, {"mass", mass_}}; }

}  // namespace dgl
