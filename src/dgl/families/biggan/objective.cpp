#include "dgl/families/biggan/objective.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/losses/regularizers.h"

namespace dgl {

using torch::Tensor;

BigGanObjective::BigGanObjective(const BigGanFamilySettings& settings, std::shared_ptr<BigGanGenerator> generator,
                                 std::shared_ptr<BigGanDiscriminator> discriminator)
    : settings_(settings),
      generator_(std::move(generator)),
      discriminator_(std::move(discriminator)),
      loss_(make_adversarial_loss("hinge", "loss")) {}

std::vector<Phase> BigGanObjective::phases() {
  std::vector<Phase> phases;
  for (int64_t i = 0; i < settings_.d_steps; ++i) {
    phases.push_back({.name = "d_main",
                      .trains = {"discriminator"},
                      .loss = [this](const StepInput& in, StepOutput& out) { return discriminator_main(in, out); },
                      .batch = i});
  }
  for (const bool guidance : {false, true}) {
    phases.push_back({.name = guidance ? "g_guidance" : "g_main",
                      .trains = {"generator"},
                      .loss = [this](const StepInput& in, StepOutput& out) { return generator_main(in, out); },
                      .guidance = guidance});
  }
  phases.push_back({.name = "g_distill",
                    .trains = {"generator"},
                    .loss = [this](const StepInput& in, StepOutput& out) { return generator_distillation(in, out); },
                    .distillation = true});
  return phases;
}

BigGanObjective::Draw BigGanObjective::draw(int64_t n, const StepInput& input) {
  const auto options = input.real[0].images.options();
  const Tensor z = at::randn({n, generator_->z_dim()}, input.random, options);
  const Tensor shares = fake_label_shares(input.label_shares);
  const Tensor labels = shares.defined()
                            ? at::multinomial(shares, n, /*replacement=*/true, input.random)
                            : at::randint(generator_->classes(), {n}, input.random, options.dtype(torch::kLong));
  return {{generator_->generate(z, labels, Pass::training()), labels}, z};
}

GuidedImages BigGanObjective::draw_images(const StepInput& input) {
  const Draw drawn = draw(input.real[0].images.size(0), input);
  return {.images = drawn.fakes.images,
          .labels = drawn.fakes.labels,
          .last_weight = generator_->last_weight(),
          .original = [drawn, teacher = input.teacher] {
            return teacher->sample({drawn.latents, drawn.fakes.labels, {}});
          }};
}

Tensor BigGanObjective::generator_distillation(const StepInput& input, StepOutput& output) {
  return distillation_loss(draw_images(input), input, output);
}

Tensor BigGanObjective::generator_main(const StepInput& input, StepOutput& output) {
  GuidedImages fakes = draw_images(input);
  fakes.augmented = input.augment(fakes.images);
  Tensor loss = loss_->generator(guided_scores(*discriminator_, fakes.augmented, fakes.labels, 1, input)).mean();
  output.losses["g_main"] = loss.detach();
  if (settings_.orthogonal > 0) {
    Tensor penalty = torch::zeros({}, loss.options());
    for (const Tensor& weight : generator_->matrices()) penalty = penalty + orthogonal_penalty(weight);
    penalty = penalty * settings_.orthogonal;
    output.losses["g_orthogonal"] = penalty.detach();
    loss = loss + penalty;
  }
  return add_guidance(loss, fakes, input, output);
}

Tensor BigGanObjective::discriminator_main(const StepInput& input, StepOutput& output) {
  const int64_t n = input.real[0].images.size(0);
  Batch fakes;
  {
    torch::NoGradGuard no_grad;
    fakes = draw(n, input).fakes;
  }
  return discriminator_loss(*loss_, *discriminator_, fakes, input, output);
}

}  // namespace dgl
