#include "dgl/guidance/score_weight.h"

namespace dgl {

torch::Tensor ScoreWeight::evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>&) const {
  return at::relu(-input.scores.detach());
}

}  // namespace dgl
