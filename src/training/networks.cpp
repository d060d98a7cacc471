#include "training/networks.h"

#include "base/error.h"

namespace dgl {

Model make_networks(const Recipe& recipe, Rational width, Rational discriminator_width, torch::Device device) {
  if (recipe.family != "stylegan2") fail("family = \"{}\": expected stylegan2", recipe.family);
  const StyleGan2Settings settings = recipe.stylegan2();
  Model model;
  model.generator = std::make_shared<StyleGan2Generator>(
      StyleGan2GeneratorShape::make(settings, width, recipe.narrow_constant));
  model.discriminator = std::make_shared<StyleGan2Discriminator>(
      StyleGan2DiscriminatorShape::make(settings, discriminator_width));
  model.generator_ema = make_generator(model.generator->settings(), "the student");
  copy_weights(*model.generator, *model.generator_ema);
  model.generator->to(device);
  model.generator_ema->to(device);
  model.discriminator->to(device);
  const auto activations = parse_precision(recipe.precision, "training.precision");
  model.generator->set_activations(activations);
  model.discriminator->set_activations(activations);
  model.generator_ema->eval();
  set_requires_grad(*model.generator_ema, false);
  return model;
}

Optimisers make_optimisers(const Recipe& recipe, const Model& model, const std::vector<Phase>& phases) {
  const auto make = [&](bool generator, torch::nn::Module& module) {
    AdamOptions options{recipe.lr, recipe.beta1, recipe.beta2, recipe.epsilon};
    for (const Phase& phase : phases) {
      if (phase.generator == generator && phase.interval > 1) options = options.corrected_for(phase.interval);
    }
    return std::make_unique<Adam>(module, options);
  };
  return {make(true, *model.generator), make(false, *model.discriminator)};
}

}  // namespace dgl
