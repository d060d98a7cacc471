#include "dgl/guidance/score_weight.h"

#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

torch::Tensor ScoreWeight::evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>&) const {
  return at::relu(-input.scores.detach());
}

}  // namespace dgl
