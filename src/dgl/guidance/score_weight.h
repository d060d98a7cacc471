#pragma once

#include "dgl/guidance/weight.h"

namespace dgl {

/// c_i = stop_grad(-s_i) where the teacher's score s_i of image i is below 0, else 0: the teacher speaks of the images
/// that it takes to be fake, and the louder the surer it is. From the ensembles of teachers in the DGL-GAN authors'
/// code.
class ScoreWeight : public Weight {
 public:
  torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const override;
};

}  // namespace dgl
