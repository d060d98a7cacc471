#include "dgl/families/cyclegan/objective.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/samplers.h"

namespace dgl {

using torch::Tensor;

namespace {

std::string pool_name(const std::string& domain) { return "pool_" + domain; }

constexpr double kHalf = 0.5;  // the reference takes the mean of the losses of real images and of fakes

Tensor mean_difference(const Tensor& x, const Tensor& y) { return (x - y).abs().mean(); }

}  // namespace

CycleGanObjective::CycleGanObjective(const CycleGanSettings& settings, const NetworkSet& networks)
    : settings_(settings),
      adversarial_(make_adversarial_loss("lsgan", "loss")),
      domains_{make_domain("a", "b_to_a", networks), make_domain("b", "a_to_b", networks)} {}

CycleGanObjective::Domain CycleGanObjective::make_domain(const std::string& name, const std::string& direction,
                                                         const NetworkSet& networks) const {
  return {.name = name,
          .direction = direction,
          .into = networks.network<TranslationGenerator>("generator_" + direction),
          .discriminator = networks.network<Discriminator>("discriminator_" + name),
          .pairs = networks.network<Discriminator>("pair_discriminator_" + name),
          .pool = ImagePool(settings_.pool, settings_.image()),
          .learns = settings_.trains(direction)};
}

std::vector<Phase> CycleGanObjective::phases() {
  std::vector<std::string> makers, judges;
  for (const Domain& domain : domains_) {
    if (!domain.learns) continue;
    makers.insert(makers.begin(), "generator_" + domain.direction);  // a_to_b is the first, as in the slots
    judges.push_back("discriminator_" + domain.name);
  }
  for (const Domain& domain : domains_) {
    if (domain.pairs) judges.push_back("pair_discriminator_" + domain.name);
  }
  std::vector<Phase> phases{{.name = "d_main", .trains = judges, .loss = [this](const StepInput& in, StepOutput& out) {
                               return discriminators_loss(in, out);
                             }}};
  if (makers.empty()) return phases;
  for (const bool guidance : {false, true}) {
    phases.push_back({.name = guidance ? "g_guidance" : "g_main",
                      .trains = makers,
                      .loss = [this](const StepInput& in, StepOutput& out) { return generators_loss(in, out); },
                      .guidance = guidance});
  }
  phases.push_back({.name = "g_distill",
                    .trains = makers,
                    .loss = [this](const StepInput& in, StepOutput& out) { return distillation(in, out); },
                    .distillation = true});
  return phases;
}

void CycleGanObjective::check_originals(const Sampler& teacher, const std::string& file) const {
  const auto* translation = dynamic_cast<const Translation*>(&teacher);
  if (!translation) fail("{}: the teacher translates no images, which the student's are compared with", file);
  if (domains_[0].learns && !translation->back()) {
    fail("{}: the teacher has no generator_{}, whose images the student's are compared with", file,
         domains_[0].direction);
  }
}

int64_t CycleGanObjective::max_shards(int64_t batch) const {
  return settings_.pool > 0 || settings_.d_norm == "batch" ? 1 : batch;
}

Tensor CycleGanObjective::discriminators_loss(const StepInput& input, StepOutput& output) const {
  const auto learning = std::count_if(domains_.begin(), domains_.end(), [](const Domain& d) { return d.learns; });
  std::array<Tensor, 2> translated;  // into domain i
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (!domains_[i].learns && !domains_[1 - i].pairs) continue;
    const torch::NoGradGuard no_grad;
    translated[i] = domains_[i].into->forward(input.real.at(1 - i).images);
  }
  Tensor sum;
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (!domains_[i].pairs) continue;
    const Tensor loss = pairs_loss(i, translated[1 - i], input);
    sum = sum.defined() ? sum + loss : loss;
    output.losses["d_pairs_" + domains_[i].name] = loss.detach();
  }
  for (size_t i = 0; i < domains_.size(); ++i) {
    const Domain& domain = domains_[i];
    if (!domain.learns) continue;
    const Tensor chances = at::rand({translated[i].size(0), 2}, input.random,
                                    translated[i].options().dtype(torch::kFloat).requires_grad(false));
    const ImagePool::Query query = domain.pool.query(translated[i], chances);
    StepOutput own;
    const Tensor loss =
        kHalf * discriminator_loss(*adversarial_, *domain.discriminator, {query.images, {}}, input, own, i);
    sum = sum.defined() ? sum + loss : loss;
    own.losses.erase("d_main");
    output.losses["d_" + domain.name] = loss.detach();
    for (const auto& [name, value] : own.losses) output.losses[name + "_" + domain.name] = value;
    for (const auto& [name, value] : own.scores) output.scores[name + "_" + domain.name] = value;
    // What all watch, the signs of scores, is one figure.
    for (const auto& [name, value] : own.statistics) {
      Tensor& total = output.statistics[name];
      total = total.defined() ? total + value / learning : value / learning;
    }
    if (domain.pool.size() == 0) continue;
    output.statistics[pool_name(domain.name)] = query.incoming;
    output.statistics[pool_name(domain.name) + "_places"] = query.places;
  }
  output.losses["d_main"] = sum.detach();
  return sum;
}

Tensor CycleGanObjective::pairs_loss(size_t domain, const Tensor& translations, const StepInput& input) const {
  const Domain& own = domains_[domain];
  const Tensor& images = input.real.at(domain).images;
  Tensor direct, returned;
  {
    const torch::NoGradGuard no_grad;
    direct = own.into->forward(images);
    returned = own.into->forward(translations);
  }
  const Tensor pairs = input.augment(at::cat({at::cat({images, images}), at::cat({direct, returned})}, 1));
  const auto scores = own.pairs->forward(pairs, {}, 2).chunk(2);
  return kHalf *
         (adversarial_->discriminator_real(scores[0]).mean() + adversarial_->discriminator_fake(scores[1]).mean());
}

Tensor CycleGanObjective::generators_loss(const StepInput& input, StepOutput& output) const {
  // What is of domain i: images, their translations into it, what comes back to it.
  std::array<Tensor, 2> real, translated, returned, augmented;
  for (size_t i = 0; i < 2; ++i) real[i] = input.real.at(i).images;
  for (size_t i = 0; i < 2; ++i) translated[i] = domains_[i].into->forward(real[1 - i]);
  for (size_t i = 0; i < 2; ++i) returned[i] = domains_[i].into->forward(translated[1 - i]);
  Tensor sum;
  const auto add = [&](const std::string& name, const Tensor& loss) {
    output.losses[name] = loss.detach();
    sum = sum.defined() ? sum + loss : loss;
  };
  for (size_t i = 0; i < 2; ++i) {
    const Domain& domain = domains_[i];
    if (domain.learns) {
      augmented[i] = input.augment(translated[i]);
      add("g_" + domain.name,
          adversarial_->generator(guided_scores(*domain.discriminator, augmented[i], {}, 1, input, i)).mean());
    }
    add("cycle_" + domain.name, settings_.cycle_weight * mean_difference(returned[i], real[i]));
    if (domain.pairs) {
      const Tensor pairs = input.augment(at::cat({real[i], returned[i]}, 1));
      add("g_pairs_" + domain.name,
          settings_.pair_judge * adversarial_->generator(domain.pairs->forward(pairs, {}, 1)).mean());
    }
    if (!domain.learns || settings_.cycle_weight * settings_.identity_weight == 0) continue;
    add("identity_" + domain.name,
        settings_.cycle_weight * settings_.identity_weight * mean_difference(domain.into->forward(real[i]), real[i]));
  }
  output.losses["g_main"] = sum.detach();
  const bool cycles = originals() == Originals::data;
  std::vector<GuidedImages> guided;
  for (size_t i = 0; i < 2; ++i) {
    if (!domains_[i].learns && !cycles) continue;
    GuidedImages images{.last_weight = last_weight(i), .domain = i};
    if (domains_[i].learns) {
      images.images = translated[i];
      images.augmented = augmented[i];
    }
    if (cycles) {
      images.original = [of = real[i]] { return of; };
      images.copies = returned[i];
    } else {
      images.original = [this, i, of = real[1 - i], teacher = input.teacher] {
        return teacher_translations(i, of, teacher);
      };
    }
    guided.push_back(std::move(images));
  }
  return add_guidance(sum, guided, input, output);
}

Tensor CycleGanObjective::last_weight(size_t domain) const {
  return domains_[domains_[domain].learns ? domain : 1 - domain].into->last_weight();
}

Tensor CycleGanObjective::distillation(const StepInput& input, StepOutput& output) const {
  std::vector<GuidedImages> made;
  for (size_t i = 0; i < 2; ++i) {
    if (!domains_[i].learns) continue;
    const Tensor& sources = input.real.at(1 - i).images;
    made.push_back(
        {.images = domains_[i].into->forward(sources),
         .last_weight = last_weight(i),
         .original = [this, i, sources, teacher = input.teacher] { return teacher_translations(i, sources, teacher); },
         .domain = i});
  }
  return distillation_loss(made, input, output);
}

Tensor CycleGanObjective::teacher_translations(size_t domain, const Tensor& images,
                                               const std::shared_ptr<Sampler>& teacher) const {
  const torch::NoGradGuard no_grad;
  // Its sampler translates from a to b.
  const auto& translation = dynamic_cast<const Translation&>(*teacher);
  return (domain == 1 ? translation.generator() : *translation.back()).forward(images);
}

void CycleGanObjective::update_statistics(const Scalars& statistics) {
  for (Domain& domain : domains_) {
    const std::string name = pool_name(domain.name);
    const auto incoming = statistics.find(name), places = statistics.find(name + "_places");
    if (incoming != statistics.end() && places != statistics.end()) {
      domain.pool.update(incoming->second, places->second);
    }
  }
}

std::map<std::string, Tensor> CycleGanObjective::state() const {
  std::map<std::string, Tensor> all;
  for (const Domain& domain : domains_) all.merge(domain.pool.state(pool_name(domain.name)));
  return all;
}

}  // namespace dgl
