#include "dgl/families/stylegan2/objective.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/losses/regularizers.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl {

using torch::Tensor;

StyleGan2Objective::StyleGan2Objective(const StyleGan2FamilySettings& settings,
                                       std::shared_ptr<StyleGan2Generator> generator,
                                       std::shared_ptr<StyleGan2Discriminator> discriminator)
    : settings_(settings),
      generator_(std::move(generator)),
      discriminator_(std::move(discriminator)),
      loss_(make_adversarial_loss("logistic", "loss")),
      pl_mean_(torch::zeros({}, generator_->parameters()[0].options().requires_grad(false))) {}

std::vector<Phase> StyleGan2Objective::phases() {
  using Loss = Tensor (StyleGan2Objective::*)(const StepInput&, StepOutput&);
  std::vector<Phase> phases;
  const auto add = [&](const char* name, const char* network, Loss loss) -> Phase& {
    const auto call = [this, loss](const StepInput& input, StepOutput& output) { return (this->*loss)(input, output); };
    return phases.emplace_back(Phase{.name = name, .trains = {network}, .loss = call});
  };
  const auto add_regularizer = [&](const char* name, const char* network, Loss loss, int64_t interval) {
    Phase& phase = add(name, network, loss);
    phase.interval = interval;
    phase.regularizer = true;
  };
  const bool corrected = settings_.pl_weight == 0 && settings_.pl_correction;
  add("g_main", "generator", &StyleGan2Objective::generator_main).corrected_for = corrected ? settings_.pl_interval : 0;
  if (settings_.pl_weight > 0) {
    add_regularizer("g_reg", "generator", &StyleGan2Objective::generator_path_length, settings_.pl_interval);
  }
  add("d_main", "discriminator", &StyleGan2Objective::discriminator_main);
  if (settings_.r1_gamma > 0) {
    add_regularizer("d_reg", "discriminator", &StyleGan2Objective::discriminator_r1, settings_.r1_interval);
  }
  add("g_guidance", "generator", &StyleGan2Objective::generator_main).guidance = true;
  add("g_distill", "generator", &StyleGan2Objective::generator_distillation).distillation = true;
  return phases;
}

int64_t StyleGan2Objective::max_shards(int64_t batch) const {
  const int64_t group = std::min(settings_.network.minibatch_std_group, batch);
  int64_t shards = std::max<int64_t>(1, batch / group);
  const auto fits = [&](int64_t n) {
    return batch % (n * group) == 0 && (settings_.pl_weight == 0 || batch / n >= settings_.pl_batch_shrink);
  };
  while (shards > 1 && !fits(shards)) --shards;
  return shards;
}

void StyleGan2Objective::update_statistics(const Scalars& statistics) {
  if (const auto mean = statistics.find("w_mean"); mean != statistics.end()) {
    generator_->mapping().track_mean(mean->second);
  }
  if (const auto mean = statistics.find("pl_mean"); mean != statistics.end()) pl_mean_.copy_(mean->second);
}

StyleGan2Objective::Draw StyleGan2Objective::draw(int64_t n, const StepInput& input, StepOutput& output) {
  const auto options = pl_mean_.options();
  const int64_t layers = generator_->num_ws();
  Draw drawn;
  if (generator_->classes() > 0) {
    drawn.labels = at::multinomial(input.label_shares, n, /*replacement=*/true, input.random);
  }
  std::vector<Tensor> styles;
  const auto add_style = [&] {
    drawn.latents.push_back(at::randn({n, generator_->z_dim()}, input.random, options));
    styles.push_back(generator_->map(drawn.latents.back(), drawn.labels));
  };
  add_style();
  output.statistics["w_mean"] = styles[0].detach().mean(0);
  if (settings_.style_mixing > 0) {
    const auto draw_cut = [layers, share = settings_.style_mixing](const at::Generator& random) {
      if (at::rand({1}, random, torch::kFloat).item<double>() >= share) return static_cast<double>(layers);
      return at::randint(1, layers, {1}, random, torch::kLong).item<double>();
    };
    if (input.on_gpu()) {  // the same operations in each step, mixed or not
      drawn.cut = input.host_number(/*stream=*/0, draw_cut);
      add_style();
    } else if (const double cut = draw_cut(input.random); cut < static_cast<double>(layers)) {
      drawn.cut = torch::tensor(cut);
      add_style();
    }
  }
  drawn.styles = mix_styles(styles, drawn.cut);
  return drawn;
}

Tensor StyleGan2Objective::mix_styles(const std::vector<Tensor>& styles, const Tensor& cut) const {
  const int64_t layers = generator_->num_ws();
  const auto of_layers = [](const Tensor& w, int64_t count) { return w.unsqueeze(1).expand({-1, count, -1}); };
  const Tensor first = of_layers(styles[0], layers);
  if (styles.size() == 1) return first;
  if (!ops::gpu::on_gpu(cut)) {
    const auto kept = cut.item<int64_t>();
    return at::cat({first.slice(1, 0, kept), of_layers(styles[1], layers - kept)}, 1);
  }
  const Tensor of_first = at::arange(layers, cut.options()) < cut;
  return at::where(of_first.view({1, layers, 1}), first, of_layers(styles[1], layers));
}

Tensor StyleGan2Objective::generator_main(const StepInput& input, StepOutput& output) {
  GuidedImages fakes = draw_images(input, output);
  fakes.augmented = input.augment(fakes.images);
  const Tensor loss = loss_->generator(guided_scores(*discriminator_, fakes.augmented, fakes.labels, 1, input)).mean();
  output.losses["g_main"] = loss.detach();
  return add_guidance(loss, fakes, input, output);
}

Tensor StyleGan2Objective::generator_distillation(const StepInput& input, StepOutput& output) {
  return distillation_loss(draw_images(input, output), input, output);
}

GuidedImages StyleGan2Objective::draw_images(const StepInput& input, StepOutput& output) {
  const Draw drawn = draw(input.real[0].images.size(0), input, output);
  // A recorded phase has no term that asks for the teacher's images.
  const at::Generator noise = input.recorded_numbers ? input.random : input.random.clone();
  return {.images = generator_->synthesize(drawn.styles, input.random),
          .labels = drawn.labels,
          .last_weight = generator_->last_weight(),
          .original = [this, drawn, noise, teacher = input.teacher] {
            return teacher_images(drawn, noise.clone(), teacher);
          }};
}

Tensor StyleGan2Objective::teacher_images(const Draw& drawn, at::Generator noise,
                                          const std::shared_ptr<Sampler>& sampler) const {
  const torch::NoGradGuard no_grad;
  const auto teacher = std::dynamic_pointer_cast<StyleGan2Generator>(sampler);
  if (!teacher) fail("the teacher has no StyleGAN2 generator, whose images the student's stand for (guidance.pair)");
  const Tensor labels = teacher->classes() > 0 ? drawn.labels : Tensor();
  std::vector<Tensor> styles;
  for (const Tensor& z : drawn.latents) styles.push_back(teacher->map(z, labels));
  return teacher->synthesize(mix_styles(styles, drawn.cut), noise);
}

Tensor StyleGan2Objective::generator_path_length(const StepInput& input, StepOutput& output) {
  const ops::TwiceDifferentiable twice;
  const int64_t n = std::max<int64_t>(1, input.real[0].images.size(0) / settings_.pl_batch_shrink);
  const Tensor ws = draw(n, input, output).styles;
  const Tensor fake = generator_->synthesize(ws, input.random);
  const Tensor noise = at::randn(fake.sizes(), input.random, fake.options());
  const PathLength path = path_length_penalty(fake, ws, noise, pl_mean_, settings_.pl_decay);
  const Tensor loss = path.penalty * settings_.pl_weight;
  output.statistics["pl_mean"] = path.mean;
  output.losses["g_reg"] = loss.detach();
  return loss * static_cast<double>(settings_.pl_interval);
}

Tensor StyleGan2Objective::discriminator_main(const StepInput& input, StepOutput& output) {
  const int64_t n = input.real[0].images.size(0);
  Draw drawn;
  Tensor fake;
  {
    torch::NoGradGuard no_grad;
    drawn = draw(n, input, output);
    fake = generator_->synthesize(drawn.styles, input.random);
  }
  return discriminator_loss(*loss_, *discriminator_, {fake, drawn.labels}, input, output);
}

Tensor StyleGan2Objective::discriminator_r1(const StepInput& input, StepOutput& output) {
  const ops::TwiceDifferentiable twice;
  const Tensor real = input.real[0].images.detach().clone().set_requires_grad(true);
  const Tensor scores = guided_scores(*discriminator_, input.augment(real), input.real[0].labels, 1, input);
  const Tensor loss = r1_penalty(scores, real) * (settings_.r1_gamma / 2);
  output.losses["d_reg"] = loss.detach();
  return loss * static_cast<double>(settings_.r1_interval);
}

}  // namespace dgl
