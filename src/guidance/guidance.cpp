#include "guidance/guidance.h"

#include "base/error.h"
#include "guidance/fit_images.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Names of a teacher's statistics and state, "teacher0.own".
std::string prefix_of(size_t teacher) { return "teacher" + std::to_string(teacher) + "."; }

}  // namespace

void Guidance::add(Teacher teacher, int64_t channels, int64_t resolution, int64_t classes) {
  const Discriminator& d = *teacher.discriminator;
  if (!teacher.resize && (d.resolution() != resolution || d.channels() != channels)) {
    fail("{}: the teacher's discriminator takes {} x {} x {} images, expected {} x {} x {} as in the data; "
         "guidance.resize = true brings them to its size", teacher.name, d.channels(), d.resolution(), d.resolution(),
         channels, resolution, resolution);
  }
  if (d.classes() != 0 && d.classes() != classes) {
    fail("{}: the teacher's discriminator knows {} labels, the student {}", teacher.name, d.classes(),
         classes > 0 ? std::to_string(classes) : "takes none (network.conditional)");
  }
  set_requires_grad(*teacher.discriminator, false);
  teacher.discriminator->eval();
  teachers_.push_back(std::move(teacher));
}

Guidance::Term Guidance::term(const GuidanceInput& input) const {
  Term term;
  for (size_t i = 0; i < teachers_.size(); ++i) {
    const Teacher& teacher = teachers_[i];
    const double lambda = teacher.lambda(input.progress);
    if (lambda == 0) continue;
    const auto score = [&](const Tensor& images) {
      Discriminator& d = *teacher.discriminator;
      return d.forward(fit_images(images, d.channels(), d.resolution()), d.classes() > 0 ? input.labels : Tensor());
    };
    const Tensor scores = score(input.fake), losses = teacher.loss->generator(scores);
    std::map<std::string, Tensor> statistics;
    const auto real_scores = [&] {
      const torch::NoGradGuard no_grad;
      return score(input.real);
    };
    const Tensor weight = teacher.weight->of({input.fake, scores, losses.mean(), input.own_loss, real_scores}, statistics);
    const Tensor loss = lambda * (weight.defined() ? weight * losses : losses).mean();
    term.loss = term.loss.defined() ? term.loss + loss : loss;
    if (!term.scores.defined()) {
      term.scores = scores.detach();
      if (weight.defined()) term.weight = weight.mean();
    }
    for (auto& [name, value] : statistics) term.statistics[prefix_of(i) + name] = value;
  }
  return term;
}

void Guidance::absorb(const std::map<std::string, Tensor>& statistics) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < teachers_.size(); ++i) {
    const std::string prefix = prefix_of(i);
    std::map<std::string, Tensor> own;
    for (const auto& [name, value] : statistics) {
      if (name.rfind(prefix, 0) == 0) own[name.substr(prefix.size())] = value;
    }
    if (!own.empty()) teachers_[i].weight->absorb(own);
  }
}

std::map<std::string, Tensor> Guidance::state() const {
  std::map<std::string, Tensor> all;
  for (size_t i = 0; i < teachers_.size(); ++i) {
    for (const auto& [name, value] : teachers_[i].weight->state()) all[prefix_of(i) + name] = value;
  }
  return all;
}

}  // namespace dgl
