#include "training/objective.h"

#include "base/error.h"
#include "training/biggan_objective.h"
#include "training/stylegan2_objective.h"

namespace dgl {

std::unique_ptr<Objective> make_objective(const Recipe& recipe, const Model& model) {
  if (recipe.family == "stylegan2") {
    return std::make_unique<StyleGan2Objective>(recipe,
                                                std::dynamic_pointer_cast<StyleGan2Generator>(model.generator),
                                                std::dynamic_pointer_cast<StyleGan2Discriminator>(model.discriminator));
  }
  if (recipe.family == "biggan") {
    return std::make_unique<BigGanObjective>(recipe, std::dynamic_pointer_cast<BigGanGenerator>(model.generator),
                                             std::dynamic_pointer_cast<BigGanDiscriminator>(model.discriminator));
  }
  fail("family = \"{}\": expected stylegan2 or biggan", recipe.family);
}

}  // namespace dgl
