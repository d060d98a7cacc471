#include "dgl/guidance/discriminator_term.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/guidance/frozen_teacher.h"

namespace dgl {

using torch::Tensor;

DiscriminatorTerm::DiscriminatorTerm(DiscriminatorTeacher teacher) : teacher_(std::move(teacher)) {
  freeze_teacher(*teacher_.discriminator);
}

Tensor DiscriminatorTerm::score(const Tensor& images, const Tensor& labels, int64_t chunks) const {
  return mean_over_patches(
      judge_as_teacher(*teacher_.discriminator, images, labels, chunks, /*features=*/false).scores);
}

std::vector<Tensor> DiscriminatorTerm::features(const Tensor& images, const Tensor& labels) const {
  return judge_as_teacher(*teacher_.discriminator, images, labels, /*chunks=*/1, /*features=*/true).features;
}

GuidanceResult DiscriminatorTerm::evaluate(const GuidanceInput& input) const {
  const double lambda = teacher_.lambda(input.progress);
  if (lambda == 0 || !input.fake.defined()) return {};
  const Tensor& images = input.images(teacher_.augmented);
  const Tensor patches =
      judge_as_teacher(*teacher_.discriminator, images, input.labels, /*chunks=*/1, /*features=*/false).scores;
  const Tensor scores = mean_over_patches(patches), losses = mean_over_patches(teacher_.loss->generator(patches));
  GuidanceResult result;
  Tensor weight;
  if (teacher_.weight) {
    const auto real_scores = [&] {
      const torch::NoGradGuard no_grad;
      return score(input.real(teacher_.augmented), input.real_labels);
    };
    weight = teacher_.weight->evaluate({images, scores, losses.mean(), input.own_loss, real_scores, input.last_weight},
                                       result.statistics);
  }
  result.loss = lambda * (weight.defined() ? weight * losses : losses).mean();
  result.scores = scores.detach();
  if (weight.defined()) result.weight = weight.mean();
  return result;
}

std::optional<double> DiscriminatorTerm::recordable_at(double progress) const {
  if (teacher_.weight) return std::nullopt;  // its running means are the processor's
  return teacher_.lambda(progress);
}

void DiscriminatorTerm::update_statistics(const Scalars& statistics) {
  if (teacher_.weight) teacher_.weight->update_statistics(statistics);
}

std::map<std::string, Tensor> DiscriminatorTerm::state() const {
  return teacher_.weight ? teacher_.weight->state() : std::map<std::string, Tensor>();
}

}  // namespace dgl
