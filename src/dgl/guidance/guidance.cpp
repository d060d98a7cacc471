#include "dgl/guidance/guidance.h"

#include "dgl/base/error.h"
#include "dgl/guidance/fit_images.h"

namespace dgl {

using torch::Tensor;

namespace {

/// A teacher's scores [N] of images of any size.
Tensor score(Discriminator& d, const Tensor& images, const Tensor& labels) {
  return d.forward(fit_images(images, d.channels(), d.resolution()), d.classes() > 0 ? labels : Tensor());
}

/// Names of a teacher's statistics and state, "teacher0.own".
std::string prefix_of(size_t teacher) { return "teacher" + std::to_string(teacher) + "."; }

}  // namespace

void Guidance::add(Teacher teacher, int64_t channels, int64_t resolution, int64_t classes) {
  const Discriminator& d = *teacher.discriminator;
  if (!teacher.resize && (d.resolution() != resolution || d.channels() != channels)) {
    fail(
        "{}: the teacher's discriminator takes {} x {} x {} images, expected {} x {} x {} as in the data; "
        "guidance.resize = true brings them to its size",
        teacher.name, d.channels(), d.resolution(), d.resolution(), channels, resolution, resolution);
  }
  if (d.classes() != 0 && d.classes() != classes) {
    fail("{}: the teacher's discriminator knows {} labels, the student {}", teacher.name, d.classes(),
         classes > 0 ? std::to_string(classes) : "takes none (network.conditional)");
  }
  set_requires_grad(*teacher.discriminator, false);
  teacher.discriminator->eval();
  teachers_.push_back(std::move(teacher));
}

void Guidance::guide_discriminator(const DiscriminatorGuidance& how, std::shared_ptr<Generator> generator,
                                   int64_t channels, int64_t resolution, int64_t classes) {
  if (!how.any()) return;
  const std::string& name = teachers_.at(0).name;
  if (how.wants_images()) {
    if (!generator) fail("{}: the teacher has no generator, which guidance.teacher_data and duality_gap need", name);
    if (!teachers_[0].resize && (generator->resolution() != resolution || generator->channels() != channels)) {
      fail("{}: the teacher's generator makes {} x {} x {} images, expected {} x {} x {} as in the data", name,
           generator->channels(), generator->resolution(), generator->resolution(), channels, resolution, resolution);
    }
    if (generator->classes() != 0 && generator->classes() != classes) {
      fail("{}: the teacher's generator knows {} labels, the student {}", name, generator->classes(), classes);
    }
  }
  discriminator_ = how;
  generator_ = std::move(generator);
  channels_ = channels;
  resolution_ = resolution;
}

Tensor Guidance::teacher_images(int64_t n, const Tensor& labels, const at::Generator& random) const {
  const torch::NoGradGuard no_grad;
  const auto options = generator_->parameters()[0].options().requires_grad(false);
  const Tensor z = at::randn({n, generator_->z_dim()}, random, options);
  const Tensor known = generator_->classes() > 0 ? labels : Tensor();
  return fit_images(generator_->sample(z, known, /*psi=*/1, random), channels_, resolution_);
}

Tensor Guidance::teacher_scores(const Tensor& images, const Tensor& labels) const {
  const torch::NoGradGuard no_grad;
  return score(*teachers_.at(0).discriminator, images, labels);
}

Guidance::Term Guidance::term(const GuidanceInput& input) const {
  Term term;
  for (size_t i = 0; i < teachers_.size(); ++i) {
    const Teacher& teacher = teachers_[i];
    const double lambda = teacher.lambda(input.progress);
    if (lambda == 0) continue;
    const Tensor scores = score(*teacher.discriminator, input.fake, input.labels),
                 losses = teacher.loss->generator(scores);
    std::map<std::string, Tensor> statistics;
    const auto real_scores = [&] {
      const torch::NoGradGuard no_grad;
      return score(*teacher.discriminator, input.real(), input.real_labels);
    };
    const Tensor weight =
        teacher.weight->evaluate({input.fake, scores, losses.mean(), input.own_loss, real_scores}, statistics);
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

void Guidance::update_statistics(const std::map<std::string, Tensor>& statistics) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < teachers_.size(); ++i) {
    const std::string prefix = prefix_of(i);
    std::map<std::string, Tensor> own;
    for (const auto& [name, value] : statistics) {
      if (name.rfind(prefix, 0) == 0) own[name.substr(prefix.size())] = value;
    }
    if (!own.empty()) teachers_[i].weight->update_statistics(own);
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
