#include "dgl/families/cyclegan/objective.h"

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

std::string pool_name(const std::string& domain) { return "pool_" + domain; }

Tensor mean_difference(const Tensor& x, const Tensor& y) { return (x - y).abs().mean(); }

}  // namespace

CycleGanObjective::CycleGanObjective(const CycleGanSettings& settings, const NetworkSet& networks)
    : settings_(settings),
      adversarial_(make_adversarial_loss("lsgan", "loss")),
      domains_{Domain{"a", networks.network<ResnetGenerator>("generator_b_to_a"),
                      networks.network<Discriminator>("discriminator_a"), ImagePool(settings.pool, settings.image())},
               Domain{"b", networks.network<ResnetGenerator>("generator_a_to_b"),
                      networks.network<Discriminator>("discriminator_b"), ImagePool(settings.pool, settings.image())}} {
}

std::vector<Phase> CycleGanObjective::phases() {
  std::vector<Phase> phases{
      {.name = "d_main",
       .trains = {"discriminator_a", "discriminator_b"},
       .loss = [this](const StepInput& in, StepOutput& out) { return discriminators_loss(in, out); }}};
  for (const bool guidance : {false, true}) {
    phases.push_back({.name = guidance ? "g_guidance" : "g_main",
                      .trains = {"generator_a_to_b", "generator_b_to_a"},
                      .loss = [this](const StepInput& in, StepOutput& out) { return generators_loss(in, out); },
                      .guidance = guidance});
  }
  return phases;
}

int64_t CycleGanObjective::max_shards(int64_t batch) const {
  return settings_.pool > 0 || settings_.d_norm == "batch" ? 1 : batch;
}

Tensor CycleGanObjective::discriminators_loss(const StepInput& input, StepOutput& output) const {
  constexpr double kHalf = 0.5;  // the reference takes the mean of the losses of real images and of fakes
  Tensor sum;
  for (size_t i = 0; i < domains_.size(); ++i) {
    const Domain& domain = domains_[i];
    const Tensor& sources = input.real.at(1 - i).images;
    ImagePool::Query query;
    {
      const torch::NoGradGuard no_grad;
      const Tensor chances =
          at::rand({sources.size(0), 2}, input.random, sources.options().dtype(torch::kFloat).requires_grad(false));
      query = domain.pool.query(domain.into->forward(sources), chances);
    }
    StepOutput own;
    const Tensor loss =
        kHalf * discriminator_loss(*adversarial_, *domain.discriminator, {query.images, {}}, input, own, i);
    sum = sum.defined() ? sum + loss : loss;
    own.losses.erase("d_main");
    output.losses["d_" + domain.name] = loss.detach();
    for (const auto& [name, value] : own.losses) output.losses[name + "_" + domain.name] = value;
    for (const auto& [name, value] : own.scores) output.scores[name + "_" + domain.name] = value;
    // What both watch, the signs of scores, is one figure.
    for (const auto& [name, value] : own.statistics) {
      Tensor& total = output.statistics[name];
      total = total.defined() ? total + value / 2 : value / 2;
    }
    if (domain.pool.size() == 0) continue;
    output.statistics[pool_name(domain.name)] = query.incoming;
    output.statistics[pool_name(domain.name) + "_places"] = query.places;
  }
  output.losses["d_main"] = sum.detach();
  return sum;
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
    augmented[i] = input.augment(translated[i]);
    add("g_" + domain.name,
        adversarial_->generator(guided_scores(*domain.discriminator, augmented[i], {}, 1, input, i)).mean());
    add("cycle_" + domain.name, settings_.cycle_weight * mean_difference(returned[i], real[i]));
    if (settings_.cycle_weight * settings_.identity_weight == 0) continue;
    add("identity_" + domain.name,
        settings_.cycle_weight * settings_.identity_weight * mean_difference(domain.into->forward(real[i]), real[i]));
  }
  output.losses["g_main"] = sum.detach();
  std::vector<GuidedImages> guided;
  for (size_t i = 0; i < 2; ++i) {
    guided.push_back({.images = translated[i],
                      .augmented = augmented[i],
                      .labels = {},
                      .last_weight = domains_[i].into->last_weight(),
                      .original = [images = real[i]] { return images; },
                      .copies = returned[i],
                      .domain = i});
  }
  return add_guidance(sum, guided, input, output);
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
