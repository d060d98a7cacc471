#include "dgl/training/biggan_objective.h"

#include "dgl/base/error.h"
#include "dgl/losses/regularizers.h"

namespace dgl {

using torch::Tensor;

BigGanObjective::BigGanObjective(const Recipe& recipe, std::shared_ptr<BigGanGenerator> generator,
                                 std::shared_ptr<BigGanDiscriminator> discriminator)
    : recipe_(recipe),
      generator_(std::move(generator)),
      discriminator_(std::move(discriminator)),
      loss_(default_adversarial_loss("biggan")) {}

std::vector<Phase> BigGanObjective::phases() const {
  std::vector<Phase> phases;
  for (int64_t i = 0; i < recipe_.d_steps; ++i) phases.push_back({"d_main", false, 1, i});
  phases.push_back({"g_main", true});
  return phases;
}

Tensor BigGanObjective::loss(const Phase& phase, const StepInput& input, StepOutput& output) {
  if (phase.name == "g_main") return generator_main(input, output);
  if (phase.name == "d_main") return discriminator_main(input, output);
  fail("BigGAN has no phase {}", phase.name);
}

Batch BigGanObjective::draw(int64_t n, const StepInput& input) {
  const auto options = input.real.images.options();
  const Tensor z = at::randn({n, generator_->z_dim()}, input.random, options);
  const Tensor labels = at::randint(generator_->classes(), {n}, input.random, options.dtype(torch::kLong));
  return {generator_->generate(z, labels, Pass::training()), labels};
}

Tensor BigGanObjective::generator_main(const StepInput& input, StepOutput& output) {
  Batch fakes = draw(input.real.images.size(0), input);
  fakes.images = input.augment(fakes.images);
  Tensor loss = loss_->generator(discriminator_->forward(fakes.images, fakes.labels, 1)).mean();
  output.losses["g_main"] = loss.detach();
  if (recipe_.orthogonal > 0) {
    Tensor penalty = torch::zeros({}, loss.options());
    for (const Tensor& weight : generator_->matrices()) penalty = penalty + orthogonal_penalty(weight);
    penalty = penalty * recipe_.orthogonal;
    output.losses["g_orthogonal"] = penalty.detach();
    loss = loss + penalty;
  }
  return add_guidance(loss, fakes.images, fakes.labels, input, output);
}

Tensor BigGanObjective::discriminator_main(const StepInput& input, StepOutput& output) {
  const int64_t n = input.real.images.size(0);
  Batch fakes;
  {
    torch::NoGradGuard no_grad;
    fakes = draw(n, input);
  }
  return discriminator_loss(*loss_, *discriminator_, fakes, input, output);
}

}  // namespace dgl
