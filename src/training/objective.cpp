#include "training/objective.h"

#include "base/error.h"
#include "training/biggan_objective.h"
#include "training/stylegan2_objective.h"

namespace dgl {

torch::Tensor add_guidance(const torch::Tensor& loss, const torch::Tensor& fake, const torch::Tensor& labels,
                           const StepInput& input, StepOutput& output) {
  if (!input.guidance) return loss;
  const Guidance::Term term = input.guidance->term({fake, labels, input.progress, loss, input.real.images});
  if (!term.loss.defined()) return loss;
  output.losses["g_guidance"] = term.loss.detach();
  output.scores["teacher_fake"] = term.scores.mean();
  if (term.weight.defined()) output.scores["teacher_weight"] = term.weight;
  output.statistics.insert(term.statistics.begin(), term.statistics.end());
  return loss + term.loss;
}

torch::Tensor discriminator_loss(const AdversarialLoss& game, const torch::Tensor& both, StepOutput& output) {
  const auto halves = both.chunk(2);
  const torch::Tensor &real = halves[0], &fake = halves[1];
  const torch::Tensor loss = game.discriminator_real(real).mean() + game.discriminator_fake(fake).mean();
  output.losses["d_main"] = loss.detach();
  output.scores["real"] = real.detach().mean();
  output.scores["fake"] = fake.detach().mean();
  return loss;
}

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
