#include "dgl/guidance/below_real_weight.h"

#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

Tensor BelowRealWeight::evaluate(const WeightInput& input, std::map<std::string, Tensor>& statistics) const {
  const Tensor real = input.real_scores().mean();
  statistics["real_score"] = real;
  const Tensor scores = input.scores.detach();
  return (scores < mean_.value_or(real)).to(scores.scalar_type());
}

void BelowRealWeight::update_statistics(const std::map<std::string, Tensor>& statistics) {
  mean_.update(statistics.at("real_score"));
}

}  // namespace dgl
