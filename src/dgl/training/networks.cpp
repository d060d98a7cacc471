#include "dgl/training/networks.h"

#include "dgl/base/error.h"

namespace dgl {

namespace {

/// Calls use(generator's shape, discriminator's shape) with those of the recipe's family.
template <class Use>
auto with_shapes(const Recipe& recipe, Rational width, Rational discriminator_width, const Use& use) {
  if (recipe.family == "stylegan2") {
    const StyleGan2Settings settings = recipe.stylegan2();
    return use(StyleGan2GeneratorShape::make(settings, width, recipe.narrow_constant),
               StyleGan2DiscriminatorShape::make(settings, discriminator_width));
  }
  if (recipe.family == "biggan") {
    const BigGanSettings settings = recipe.biggan();
    return use(BigGanGeneratorShape::make(settings, width),
               BigGanDiscriminatorShape::make(settings, discriminator_width));
  }
  fail("family = \"{}\": expected stylegan2 or biggan", recipe.family);
}

}  // namespace

NetworkCosts network_costs(const Recipe& recipe, Rational width, Rational discriminator_width) {
  return with_shapes(recipe, width, discriminator_width, [](const auto& generator, const auto& discriminator) {
    return NetworkCosts{generator.cost(), discriminator.cost()};
  });
}

Rational discriminator_width(const Recipe& recipe, Rational width) {
  if (recipe.discriminator_width == "generator") return width;
  return recipe.discriminator_width.empty()
             ? Rational{}
             : Rational::parse(recipe.discriminator_width, "student.discriminator_width");
}

Model make_networks(const Recipe& recipe, Rational width, Rational discriminator_width, torch::Device device) {
  const auto settings =
      with_shapes(recipe, width, discriminator_width, [](const auto& generator, const auto& discriminator) {
        return std::pair{generator.to_json(), discriminator.to_json()};
      });
  Model model;
  model.generator = make_generator(settings.first, "the recipe");
  model.discriminator = make_discriminator(settings.second, "the recipe");
  if (recipe.family == "biggan") {
    initialize_biggan(*model.generator, recipe.init);
    initialize_biggan(*model.discriminator, recipe.init);
  }
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

Optimizers make_optimizers(const Recipe& recipe, const Model& model, const std::vector<Phase>& phases) {
  const auto make = [&](bool generator, torch::nn::Module& module) {
    const double lr = generator || recipe.lr_discriminator == 0 ? recipe.lr : recipe.lr_discriminator;
    AdamOptions options{lr, recipe.beta1, recipe.beta2, recipe.epsilon};
    for (const Phase& phase : phases) {
      if (phase.generator == generator && phase.regularizer) options = options.corrected_for(phase.interval);
    }
    return std::make_unique<Adam>(module, options);
  };
  return {make(true, *model.generator), make(false, *model.discriminator)};
}

}  // namespace dgl
