#include "training/objective.h"

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

}  // namespace dgl
