#pragma once

#include <map>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/guidance/weight.h"

namespace dgl {

/// c_i = stop_grad(-s_i) if the teacher's score s_i of image i is below 0, else 0. Images that the teacher rates as
/// fake count more, in proportion to its confidence. From the ensembles of teachers in the DGL-GAN authors' code.
class ScoreWeight : public Weight {
 public:
  torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const override;
};

}  // namespace dgl
