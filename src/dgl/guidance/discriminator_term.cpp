#include "dgl/guidance/discriminator_term.h"

#include <map>
#include <utility>

#include "dgl/base/torch.h"
#include "dgl/guidance/fit_images.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Scores [N] or [N, P] of images of any size.
Tensor judge(Discriminator& d, const Tensor& images, const Tensor& labels) {
  return d.forward(fit_images(images, d.channels(), d.resolution()), d.classes() > 0 ? labels : Tensor());
}

}  // namespace

DiscriminatorTerm::DiscriminatorTerm(DiscriminatorTeacher teacher) : teacher_(std::move(teacher)) {
  set_requires_grad(*teacher_.discriminator, false);
  teacher_.discriminator->eval();
}

Tensor DiscriminatorTerm::score(const Tensor& images, const Tensor& labels) const {
  return mean_over_patches(judge(*teacher_.discriminator, images, labels));
}

GuidanceResult DiscriminatorTerm::evaluate(const GuidanceInput& input) const {
  const double lambda = teacher_.lambda(input.progress);
  if (lambda == 0) return {};
  const Tensor patches = judge(*teacher_.discriminator, input.fake, input.labels);
  const Tensor scores = mean_over_patches(patches), losses = mean_over_patches(teacher_.loss->generator(patches));
  GuidanceResult result;
  Tensor weight;
  if (teacher_.weight) {
    const auto real_scores = [&] {
      const torch::NoGradGuard no_grad;
      return score(input.real(), input.real_labels);
    };
    weight =
        teacher_.weight->evaluate({input.fake, scores, losses.mean(), input.own_loss, real_scores}, result.statistics);
  }
  result.loss = lambda * (weight.defined() ? weight * losses : losses).mean();
  result.scores = scores.detach();
  if (weight.defined()) result.weight = weight.mean();
  return result;
}

void DiscriminatorTerm::update_statistics(const Scalars& statistics) {
  if (teacher_.weight) teacher_.weight->update_statistics(statistics);
}

std::map<std::string, Tensor> DiscriminatorTerm::state() const {
  return teacher_.weight ? teacher_.weight->state() : std::map<std::string, Tensor>();
}

}  // namespace dgl
