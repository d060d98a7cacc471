#include "dgl/guidance/guidance.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/guidance/fit_images.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Prefix of the names of a term's statistics and state, "teacher0.".
std::string prefix_of(size_t term) { return "teacher" + std::to_string(term) + "."; }

std::string text(const ImageShape& image) {
  return fmt::format("{} x {} x {}", image.channels, image.height, image.width);
}

}  // namespace

void Guidance::add(DiscriminatorTeacher teacher, const StudentShape& student) {
  const Discriminator& d = *teacher.discriminator;
  const ImageShape image{d.channels(), d.resolution(), d.resolution()};
  if (!teacher.resize && image != student.image) {
    fail(
        "{}: the teacher's discriminator takes {} images, expected {} as in the data; guidance.resize = true brings "
        "them to its size",
        teacher.name, text(image), text(student.image));
  }
  if (d.classes() != 0 && d.classes() != student.classes) {
    fail("{}: the teacher's discriminator knows {} labels, the student {}", teacher.name, d.classes(),
         student.classes > 0 ? std::to_string(student.classes) : "takes none (network.conditional)");
  }
  add(std::make_unique<DiscriminatorTerm>(std::move(teacher)));
}

void Guidance::add(std::unique_ptr<GuidanceTerm> term) { terms_.push_back(std::move(term)); }

std::vector<const DiscriminatorTerm*> Guidance::discriminators() const {
  std::vector<const DiscriminatorTerm*> found;
  for (const auto& term : terms_) {
    if (const auto* one = dynamic_cast<const DiscriminatorTerm*>(term.get())) found.push_back(one);
  }
  return found;
}

int64_t Guidance::group() const {
  int64_t most = 1;
  for (const DiscriminatorTerm* one : discriminators()) most = std::max(most, one->teacher().discriminator->group());
  return most;
}

const DiscriminatorTerm& Guidance::first_discriminator(size_t domain) const {
  const auto all = discriminators();
  if (all.empty()) fail("no teacher has a discriminator");
  for (const DiscriminatorTerm* one : all) {
    if (one->domain() == domain) return *one;
  }
  fail("no teacher has a discriminator of each data domain, which learning from its scores or features needs");
}

void Guidance::guide_discriminator(const DiscriminatorGuidance& how, std::shared_ptr<Sampler> generator,
                                   const StudentShape& student) {
  if (!how.any()) return;
  const auto all = discriminators();
  if (all.empty()) fail("no teacher has a discriminator");
  const DiscriminatorTeacher& teacher = all[0]->teacher();
  if (how.wants_images()) {
    if (!generator) {
      fail("{}: the teacher has no generator, which guidance.teacher_data and duality_gap need", teacher.name);
    }
    const SampleSpec spec = generator->spec();
    if (spec.input) {
      fail("{}: the teacher makes images of images, but guidance.teacher_data and duality_gap need one that draws them",
           teacher.name);
    }
    if (!teacher.resize && spec.output != student.image) {
      fail("{}: the teacher's generator makes {} images, expected {} as in the data", teacher.name, text(spec.output),
           text(student.image));
    }
    if (spec.classes != 0 && spec.classes != student.classes) {
      fail("{}: the teacher's generator knows {} labels, the student {}", teacher.name, spec.classes, student.classes);
    }
  }
  discriminator_ = how;
  if (generator) generator_ = std::move(generator);
  student_ = student;
}

Tensor Guidance::logit_prior(const Tensor& images, const Tensor& labels, int64_t chunks, size_t domain) const {
  if (discriminator_.logit_prior == 0) return {};
  return discriminator_.logit_prior * first_discriminator(domain).score(images, labels, chunks);
}

Tensor Guidance::teacher_images(int64_t n, const Tensor& labels, const at::Generator& random) const {
  const torch::NoGradGuard no_grad;
  const SampleSpec spec = generator_->spec();
  const auto options = generator_->network().parameters()[0].options().requires_grad(false);
  std::vector<int64_t> sizes = spec.latent_shape;
  sizes.insert(sizes.begin(), n);
  const Condition condition{at::randn(sizes, random, options), spec.classes > 0 ? labels : Tensor(), {}};
  return fit_images(generator_->sample(condition, {1, random}), student_.image.channels, student_.image.height);
}

std::vector<Tensor> Guidance::teacher_features(const Tensor& images, const Tensor& labels, size_t domain) const {
  const torch::NoGradGuard no_grad;
  return first_discriminator(domain).features(images, labels);
}

Tensor Guidance::teacher_scores(const Tensor& images, const Tensor& labels, size_t domain) const {
  const torch::NoGradGuard no_grad;
  return first_discriminator(domain).score(images, labels);
}

GuidanceResult Guidance::distill(const GuidanceInput& input) const {
  for (const auto& term : distillation_) {
    if (term->domain() == input.domain) return term->evaluate(input);
  }
  fail("no teacher whose images the student could learn");
}

GuidanceResult Guidance::evaluate(const GuidanceInput& input) const {
  GuidanceResult sum;
  for (size_t i = 0; i < terms_.size(); ++i) {
    if (terms_[i]->domain() != input.domain) continue;
    const GuidanceResult term = terms_[i]->evaluate(input);
    if (!term.loss.defined()) continue;
    sum.loss = sum.loss.defined() ? sum.loss + term.loss : term.loss;
    if (!sum.scores.defined() && term.scores.defined()) {
      sum.scores = term.scores;
      sum.weight = term.weight;
    }
    for (const auto& [name, value] : term.losses) {
      Tensor& total = sum.losses[name];
      total = total.defined() ? total + value : value;
    }
    for (const auto& [name, value] : term.statistics) sum.statistics[prefix_of(i) + name] = value;
  }
  return sum;
}

std::optional<std::vector<double>> Guidance::recordable_at(double progress) const {
  std::vector<double> numbers;
  for (const auto& term : terms_) {
    const std::optional<double> number = term->recordable_at(progress);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

void Guidance::update_statistics(const Scalars& statistics) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < terms_.size(); ++i) {
    const std::string prefix = prefix_of(i);
    Scalars own;
    for (const auto& [name, value] : statistics) {
      if (name.starts_with(prefix)) own[name.substr(prefix.size())] = value;
    }
    if (!own.empty()) terms_[i]->update_statistics(own);
  }
}

std::map<std::string, Tensor> Guidance::state() const {
  std::map<std::string, Tensor> all;
  for (size_t i = 0; i < terms_.size(); ++i) {
    for (const auto& [name, value] : terms_[i]->state()) all[prefix_of(i) + name] = value;
  }
  return all;
}

}  // namespace dgl
