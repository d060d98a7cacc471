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
      discriminator_(settings.discriminator, std::move(discriminator)) {
  if (settings.perceptual_path.empty() || settings.perceptual_weight == 0) return;
  perceptual_ = load_lpips(settings.perceptual_path);
  perceptual_->to(decoder_->last_weight().device());
}

std::vector<Phase> VaeObjective::phases() {
  std::vector<Phase> phases = discriminator_.phases([this](const StepInput& input) -> Batch {
    StepOutput unused;
    return {decoder_->decode(encode(input, unused).latents), {}};
  });
  if (settings_.part == kDiscriminatorAlone) return phases;
  for (const bool guidance : {false, true}) {
    phases.push_back({.name = guidance ? "g_guidance" : "g_main",
                      .trains = settings_.part == "decoder" ? std::vector<std::string>{"decoder"}
                                                            : std::vector<std::string>{"encoder", "decoder"},
                      .loss = [this](const StepInput& in, StepOutput& out) { return autoencoder_loss(in, out); },
                      .guidance = guidance});
  }
  return phases;
}

int64_t VaeObjective::max_shards(int64_t batch) const { return discriminator_.max_shards(most_judged_shards(batch)); }

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

Tensor VaeObjective::error_of(const Tensor& reconstructions, const Tensor& images, StepOutput& output) const {
  const auto count = static_cast<double>(images.size(0)), numbers = static_cast<double>(images.numel());
  const Tensor difference = images - reconstructions;
  const Tensor sum = (settings_.reconstruction == "l2" ? difference.square() : difference.abs()).sum();
  output.scores["reconstruction"] = sum.detach() / numbers;  // of an element
  if (!perceptual_) return sum / count;
  const Tensor distance = (*perceptual_)(images, reconstructions).mean();
  output.losses["g_perceptual"] = distance.detach();
  return sum / count + distance * (settings_.perceptual_weight * numbers / count);
}

Tensor VaeObjective::autoencoder_loss(const StepInput& input, StepOutput& output) {
  const Tensor& images = input.real[0].images;
  const Encoded encoded = encode(input, output);
  const Tensor reconstructions = decoder_->decode(encoded.latents);
  const Tensor error = error_of(reconstructions, images, output);
  Tensor total = error + encoded.loss;
  if (discriminator_.plays(input)) {
    total = total + discriminator_.term(reconstructions, {}, error, decoder_->last_weight(), input, output);
  }
  output.losses["g_main"] = total.detach();
  const GuidedImages guided{
      .images = reconstructions, .labels = {}, .last_weight = decoder_->last_weight(), .original = [images] {
        return images;
      }};
  return add_guidance(total, guided, input, output);
}

}  // namespace dgl
