#include "dgl/families/vae/objective.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/vae/samplers.h"
#include "dgl/guidance/guided_loss.h"

namespace dgl {

using torch::Tensor;

VaeObjective::VaeObjective(const VaeFamilySettings& settings, std::shared_ptr<VaeEncoder> encoder,
                           std::shared_ptr<VaeDecoder> decoder, std::shared_ptr<Discriminator> discriminator)
    : settings_(settings),
      encoder_(std::move(encoder)),
      decoder_(std::move(decoder)),
      discriminator_(std::move(discriminator)),
      adversarial_(make_adversarial_loss("hinge", "loss")) {}

std::vector<Phase> VaeObjective::phases() {
  std::vector<Phase> phases;
  if (discriminator_) {
    phases.push_back(
        {.name = "d_main", .trains = {"discriminator"}, .loss = [this](const StepInput& in, StepOutput& out) {
           return own_discriminator_loss(in, out);
         }});
  }
  for (const bool guidance : {false, true}) {
    phases.push_back({.name = guidance ? "g_guidance" : "g_main",
                      .trains = settings_.part == "decoder" ? std::vector<std::string>{"decoder"}
                                                            : std::vector<std::string>{"encoder", "decoder"},
                      .loss = [this](const StepInput& in, StepOutput& out) { return autoencoder_loss(in, out); },
                      .guidance = guidance});
  }
  return phases;
}

int64_t VaeObjective::max_shards(int64_t batch) const {
  if (discriminator_ && settings_.d_norm == "batch") return 1;
  // Teachers with minibatch statistics judge groups of four.
  constexpr int64_t kGroup = 4;
  return batch % kGroup == 0 ? batch / kGroup : 1;
}

void VaeObjective::check_teacher(const Sampler* teacher, const std::string& file) const {
  if (!settings_.latents) return;
  if (file.empty()) fail("guidance.latents: a model without a teacher has latents of its own");
  const auto* autoencoder = dynamic_cast<const VaeReconstruction*>(teacher);
  if (!autoencoder) fail("{}: guidance.latents: expected an autoencoder of the family vae", file);
  const VaeSizes theirs = autoencoder->encoder().sizes(), own = encoder_->sizes();
  if (theirs == own) return;
  const auto text = [](const VaeSizes& sizes) {
    return fmt::format("{} x {} x {} of images of {} x {} x {}", sizes.latent_channels, sizes.side(), sizes.side(),
                       sizes.image.channels, sizes.image.height, sizes.image.width);
  };
  fail("{}: guidance.latents: the teacher's latents are {}, the student's {}; expected the same", file, text(theirs),
       text(own));
}

VaeObjective::Encoded VaeObjective::encode(const StepInput& input, StepOutput& output) const {
  const Tensor& images = input.real[0].images;
  const Posterior own = [&] {
    const torch::AutoGradMode trained(settings_.part != "decoder" && torch::GradMode::is_enabled());
    return encoder_->posterior(images);
  }();
  if (!settings_.latents) {
    const Tensor latents = own.sample(input.random), kl = own.kl().mean();
    output.scores["kl"] = kl.detach();
    return {latents, settings_.kl_weight * kl};
  }
  const Posterior target = [&] {
    const torch::NoGradGuard no_grad;
    return dynamic_cast<VaeReconstruction&>(*input.teacher).encoder().posterior(images).scaled(settings_.latents_scale);
  }();
  Tensor difference = (own.mean - target.mean).square().mean();
  output.losses["g_latents"] = difference.detach();
  if (own.log_variance.defined() && target.log_variance.defined()) {
    difference = difference + (own.log_variance - target.log_variance).square().mean();
  }
  return {target.sample(input.random), difference};
}

Tensor VaeObjective::autoencoder_loss(const StepInput& input, StepOutput& output) {
  const Tensor& images = input.real[0].images;
  const Encoded encoded = encode(input, output);
  const Tensor reconstructions = decoder_->decode(encoded.latents);
  const auto count = static_cast<double>(images.size(0)), numbers = static_cast<double>(images.numel());
  const Tensor difference = images - reconstructions;
  const Tensor error = (settings_.reconstruction == "l2" ? difference.square() : difference.abs()).sum() / count;
  Tensor total = error + encoded.loss;
  if (discriminator_ && input.run_progress >= settings_.d_start) {
    total = total + adversarial_term(reconstructions, error, input, output);
  }
  output.losses["g_main"] = total.detach();
  output.scores["reconstruction"] = error.detach() * (count / numbers);  // of an element
  const GuidedImages guided{
      .images = reconstructions, .labels = {}, .last_weight = decoder_->last_weight(), .original = [images] {
        return images;
      }};
  return add_guidance(total, guided, input, output);
}

Tensor VaeObjective::adversarial_term(const Tensor& reconstructions, const Tensor& error, const StepInput& input,
                                      StepOutput& output) {
  constexpr double kEpsilon = 1e-4, kMostWeight = 1e4;  // the reference's
  const Tensor loss =
      adversarial_->generator(guided_scores(*discriminator_, input.augment(reconstructions), {}, 1, input)).mean();
  const auto gradient_norm = [&](const Tensor& of) {
    return torch::autograd::grad({of}, {decoder_->last_weight()}, {}, /*retain_graph=*/true)[0].norm();
  };
  const Tensor weight =
      (gradient_norm(error) / (gradient_norm(loss) + kEpsilon)).clamp(0, kMostWeight) * settings_.d_weight;
  output.losses["g_adversarial"] = loss.detach();
  output.scores["adversarial_weight"] = weight;
  return weight * loss;
}

Tensor VaeObjective::own_discriminator_loss(const StepInput& input, StepOutput& output) {
  Tensor reconstructions;
  {
    const torch::NoGradGuard no_grad;
    StepOutput unused;
    reconstructions = decoder_->decode(encode(input, unused).latents);
  }
  const Tensor loss = discriminator_loss(*adversarial_, *discriminator_, {reconstructions, {}}, input, output);
  return input.run_progress >= settings_.d_start ? loss : loss * 0;
}

}  // namespace dgl
