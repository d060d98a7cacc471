#include "dgl/training/objective.h"

#include "dgl/base/error.h"
#include "dgl/training/biggan_objective.h"
#include "dgl/training/stylegan2_objective.h"

namespace dgl {

torch::Tensor add_guidance(const torch::Tensor& loss, const torch::Tensor& fake, const torch::Tensor& labels,
                           const StepInput& input, StepOutput& output) {
  if (!input.guidance || input.guidance_scale == 0) return loss;
  const auto real = [&] { return input.augment(input.real.images); };
  const Guidance::Term term = input.guidance->term({fake, labels, input.progress, loss, real, input.real.labels});
  if (!term.loss.defined()) return loss;
  output.losses["g_guidance"] = term.loss.detach();
  output.scores["teacher_fake"] = term.scores.mean();
  if (term.weight.defined()) output.scores["teacher_weight"] = term.weight;
  output.statistics.insert(term.statistics.begin(), term.statistics.end());
  return loss + term.loss * input.guidance_scale;
}

torch::Tensor discriminator_loss(const AdversarialLoss& game, Discriminator& critic, const Batch& fake,
                                 const StepInput& input, StepOutput& output) {
  const Guidance* guidance = input.guidance;
  const DiscriminatorGuidance how = guidance ? guidance->discriminator() : DiscriminatorGuidance{};
  const int64_t n = fake.images.size(0);
  torch::Tensor real = input.real.images;
  const bool replaced =
      how.teacher_data > 0 &&
      at::rand({1}, input.random, real.options().dtype(torch::kFloat)).item<double>() < how.teacher_data;
  if (replaced) real = guidance->teacher_images(n, input.real.labels, input.random);
  std::vector<torch::Tensor> images{input.augment(real), input.augment(fake.images)};
  std::vector<torch::Tensor> labels{input.real.labels, fake.labels};
  if (how.duality_gap > 0) {
    images.push_back(input.augment(guidance->teacher_images(n, fake.labels, input.random)));
    labels.push_back(fake.labels);
  }
  const auto parts = static_cast<int64_t>(images.size());
  const torch::Tensor all =
      critic.forward(at::cat(images), fake.labels.defined() ? at::cat(labels) : fake.labels, parts);
  const auto scores = all.chunk(parts);
  torch::Tensor real_losses = game.discriminator_real(scores[0]), fake_losses = game.discriminator_fake(scores[1]);
  std::vector<torch::Tensor> teacher;
  if (how.smooth_labels || how.align > 0) {
    for (size_t i = 0; i < 2; ++i) teacher.push_back(guidance->teacher_scores(images[i], labels[i]));
  }
  if (how.smooth_labels) {
    real_losses = at::sigmoid(teacher[0]) * real_losses;
    fake_losses = at::sigmoid(-teacher[1]) * fake_losses;
  }
  torch::Tensor loss = real_losses.mean() + fake_losses.mean();
  output.losses["d_main"] = loss.detach();
  output.scores["real"] = scores[0].detach().mean();
  output.scores["fake"] = scores[1].detach().mean();
  const auto add = [&](const char* name, const torch::Tensor& term) {
    output.losses[name] = term.detach();
    loss = loss + term;
  };
  if (how.duality_gap > 0) add("d_duality", how.duality_gap * game.discriminator_fake(scores[2]).mean());
  if (how.align > 0) {
    add("d_align", how.align * (at::cat({scores[0], scores[1]}) - at::cat(teacher)).square().mean());
  }
  if (input.augmentation) input.augmentation->watch(scores[0], !replaced, output.statistics);
  return loss;
}

std::unique_ptr<Objective> make_objective(const Recipe& recipe, const Model& model) {
  if (recipe.family == "stylegan2") {
    return std::make_unique<StyleGan2Objective>(recipe, std::dynamic_pointer_cast<StyleGan2Generator>(model.generator),
                                                std::dynamic_pointer_cast<StyleGan2Discriminator>(model.discriminator));
  }
  if (recipe.family == "biggan") {
    return std::make_unique<BigGanObjective>(recipe, std::dynamic_pointer_cast<BigGanGenerator>(model.generator),
                                             std::dynamic_pointer_cast<BigGanDiscriminator>(model.discriminator));
  }
  fail("family = \"{}\": expected stylegan2 or biggan", recipe.family);
}

}  // namespace dgl
