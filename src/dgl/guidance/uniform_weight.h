#pragma once

#include "dgl/guidance/weight.h"

namespace dgl {

/// 1 for every image: DGL-GAN's term as published (arXiv 2112.06502, section 3).
class UniformWeight : public Weight {
 public:
  torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const override;
};

}  // namespace dgl
