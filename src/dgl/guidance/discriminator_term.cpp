#include "dgl/guidance/discriminator_term.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/guidance/fit_images.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Scores [N] or [N, P] of images of any size.
Tensor judge(Discriminator& d, const Tensor& images, const Tensor& labels, int64_t chunks = 1) {
  return d.forward(fit_images(images, d.channels(), d.resolution()), d.classes() > 0 ? labels : Tensor(), chunks);
}

}  // namespace

DiscriminatorTerm::DiscriminatorTerm(DiscriminatorTeacher teacher) : teacher_(std::move(teacher)) {
  set_requires_grad(*teacher_.discriminator, false);
  teacher_.discriminator->eval();
}

Tensor DiscriminatorTerm::score(const Tensor& images, const Tensor& labels, int64_t chunks) const {
  return mean_over_patches(judge(*teacher_.discriminator, images, labels, chunks));
}

std::vector<Tensor> DiscriminatorTerm::features(const Tensor& images, const Tensor& labels) const {
  Discriminator& d = *teacher_.discriminator;
  const Tensor fitted = fit_images(images, d.channels(), d.resolution());
  return d.judge(fitted, d.classes() > 0 ? labels : Tensor(), /*chunks=*/1, /*features=*/true).features;
}

GuidanceResult DiscriminatorTerm::evaluate(const GuidanceInput& input) const {
  const double lambda = teacher_.lambda(input.progress);
  if (lambda == 0) return {};
  const Tensor& images = input.images(teacher_.augmented);
  const Tensor patches = judge(*teacher_.discriminator, images, input.labels);
  const Tensor scores = mean_over_patches(patches), losses = mean_over_patches(teacher_.loss->generator(patches));
  GuidanceResult result;
  Tensor weight;
  if (teacher_.weight) {
    const auto real_scores = [&] {
      const torch::NoGradGuard no_grad;
      return score(input.real(teacher_.augmented), input.real_labels);
    };
    weight = teacher_.weight->evaluate({images, scores, losses.mean(), input.own_loss, real_scores}, result.statistics);
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
