#include "dgl/training/judges.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/guidance/frozen_teacher.h"
#include "dgl/losses/adversarial.h"
#include "dgl/metrics/roc.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Images of a batch: a multiple of the groups of four that judges with minibatch statistics take.
constexpr int64_t kBatch = 32;

struct LabeledImages {
  std::vector<Tensor> images;  ///< batches [n, C, H, W] in -1 … 1
  std::vector<Tensor> labels;  ///< [n], or undefined
};

using ScoreImages = std::function<Tensor(const Tensor& images, const Tensor& labels)>;

Tensor scores_of(const LabeledImages& set, const ScoreImages& score) {
  std::vector<Tensor> scores;
  for (size_t i = 0; i < set.images.size(); ++i) scores.push_back(score(set.images[i], set.labels[i]).cpu());
  return at::cat(scores);
}

/// The bounds that nine tenths of the scores lie within.
std::array<double, 2> range_of(const Tensor& scores) {
  const Tensor bounds = at::quantile(scores.to(torch::kDouble), torch::tensor({0.05, 0.95}, torch::kDouble));
  return {bounds[0].item<double>(), bounds[1].item<double>()};
}

JudgeScores compare(const std::string& name, const LabeledImages& real, const LabeledImages& fake,
                    const ScoreImages& score) {
  const Tensor of_real = scores_of(real, score), of_fake = scores_of(fake, score);
  return {name, area_under_roc(of_real, of_fake), range_of(of_real), range_of(of_fake)};
}

}  // namespace

Judges::Judges(const TrainingSession& session, const Evaluator& evaluator) : session_(session), evaluator_(evaluator) {
  const std::string& file = session.recipe.run.held_out_judge;
  if (file.empty() || !session.processes->is_root()) return;
  const NetworkSet model = load_model(file);
  model.to(session.device);
  held_out_ = judges_of(session, model, file);
  for (const DomainDiscriminator& judge : held_out_) {
    freeze_teacher(*judge.network);
    const int64_t classes = judge.network->classes();
    if (classes > 0 && classes != session.student_shape().classes) {
      fail("{}: evaluation.held_out_judge: its discriminator knows {} labels, the student {}", file, classes,
           session.student_shape().classes);
    }
  }
}

std::vector<JudgeScores> Judges::measure() const {
  const NetworkSet& student = session_.student.networks;
  const auto translators = translators_of(student, "the student");
  const Family& family = session_.family();
  if (translators.empty()) {
    const auto sampler = sampler_of(student, "the student");
    return measure(*sampler, {family.input_domain(), family.output_domain()}, "");
  }
  std::vector<JudgeScores> all;
  for (const Translator& translator : translators) {
    const Direction& direction = translator.direction;
    const std::string suffix = " of " + family.domains().at(direction.to);
    for (JudgeScores& scores : measure(*translator.there, {direction.from, direction.to}, suffix)) {
      all.push_back(std::move(scores));
    }
  }
  return all;
}

std::vector<JudgeScores> Judges::measure(Sampler& sampler, Evaluator::Domains domains,
                                         const std::string& suffix) const {
  const torch::NoGradGuard no_grad;
  const TrainingSession& session = session_;
  auto teachers = session.guidance.discriminators();
  std::erase_if(teachers, [&](const auto* teacher) { return teacher->domain() != domains.to; });
  const auto in_domain = [&](const std::vector<DomainDiscriminator>& judges) -> Discriminator* {
    const auto found =
        std::find_if(judges.begin(), judges.end(), [&](const auto& j) { return j.domain == domains.to; });
    return found == judges.end() ? nullptr : found->network.get();
  };
  Discriminator* own = in_domain(discriminators_of(session.student.networks, "the student"));
  Discriminator* held_out = in_domain(held_out_);
  if (teachers.empty() && !own && !held_out) return {};

  DrawOptions options =
      evaluator_.draw_options(sampler, domains, std::min(kMostImages, session.recipe.samples), Stream::judges);
  options.batch = kBatch;
  LabeledImages fake, real;
  for_each_sample(sampler, options, [&](const Tensor& images, const Tensor& labels) {
    fake.images.push_back(to_unit_range(images).to(session.device));
    fake.labels.push_back(labels.defined() ? labels.to(session.device) : labels);
  });
  const Dataset& data = evaluator_.real_data(domains.to);
  const std::vector<int64_t> kept = evenly_spaced(data.info().count, options.count);
  for (auto first = kept.begin(); first != kept.end();) {
    const auto last = first + std::min<int64_t>(kBatch, kept.end() - first);
    const std::vector<int64_t> batch(first, last);
    real.images.push_back(to_unit_range(data.images(batch)).to(session.device));
    real.labels.push_back(data.labeled() ? data.labels(batch).to(session.device) : Tensor());
    first = last;
  }

  std::vector<JudgeScores> all;
  for (size_t i = 0; i < teachers.size(); ++i) {
    all.push_back(
        compare((i == 0 ? "teacher" : fmt::format("teacher {}", i + 1)) + suffix, real, fake,
                [&](const Tensor& images, const Tensor& labels) { return teachers[i]->score(images, labels); }));
  }
  const auto by = [&](const std::string& name, Discriminator& judge) {
    all.push_back(compare(name + suffix, real, fake, [&](const Tensor& images, const Tensor& labels) {
      return mean_over_patches(judge_as_teacher(judge, images, labels, /*chunks=*/1, /*features=*/false).scores);
    }));
  };
  if (own) {
    const bool training = own->is_training();
    own->eval();  // so that nothing is tracked
    by("own", *own);
    own->train(training);
  }
  if (held_out) by("held-out", *held_out);
  return all;
}

std::string judges_text(const std::vector<JudgeScores>& judges) {
  std::vector<std::string> parts;
  for (const JudgeScores& judge : judges) {
    parts.push_back(fmt::format("{} {:.3f} (scores {:.2g} … {:.2g} and {:.2g} … {:.2g})", judge.name, judge.auc,
                                judge.real[0], judge.real[1], judge.fake[0], judge.fake[1]));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace dgl
