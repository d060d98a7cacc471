#include "guidance/guidance.h"

#include "base/error.h"

namespace dgl {

Schedule constant_schedule(double lambda) {
  return [lambda](double) { return lambda; };
}

void Guidance::add(Teacher teacher, int64_t channels, int64_t resolution, int64_t classes) {
  const Discriminator& d = *teacher.discriminator;
  if (d.resolution() != resolution || d.channels() != channels) {
    fail("{}: the teacher's discriminator takes {} x {} x {} images, expected {} x {} x {} as in the data", teacher.name,
         d.channels(), d.resolution(), d.resolution(), channels, resolution, resolution);
  }
  if (d.classes() != 0 && d.classes() != classes) {
    fail("{}: the teacher's discriminator knows {} labels, the student {}", teacher.name, d.classes(),
         classes > 0 ? std::to_string(classes) : "takes none (network.conditional)");
  }
  set_requires_grad(*teacher.discriminator, false);
  teacher.discriminator->eval();
  teachers_.push_back(std::move(teacher));
}

Guidance::Term Guidance::term(const torch::Tensor& fake, const torch::Tensor& labels, double progress) const {
  Term term;
  for (const Teacher& teacher : teachers_) {
    const double lambda = teacher.lambda(progress);
    if (lambda == 0) continue;
    const torch::Tensor scores = teacher.discriminator->forward(fake, labels);
    const torch::Tensor loss = lambda * teacher.loss->generator(scores).mean();
    term.loss = term.loss.defined() ? term.loss + loss : loss;
    if (!term.scores.defined()) term.scores = scores.detach();
  }
  return term;
}

}  // namespace dgl
