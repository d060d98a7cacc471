#include "dgl/families/vae/objective.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
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

Tensor VaeObjective::autoencoder_loss(const StepInput& input, StepOutput& output) {
  const Tensor& images = input.real[0].images;
  const Posterior posterior = [&] {
    const torch::AutoGradMode trained(settings_.part != "decoder");
    return encoder_->posterior(images);
  }();
  const Tensor reconstructions = decoder_->decode(posterior.sample(input.random));
  const auto count = static_cast<double>(images.size(0)), numbers = static_cast<double>(images.numel());
  const Tensor difference = images - reconstructions;
  const Tensor error = (settings_.reconstruction == "l2" ? difference.square() : difference.abs()).sum() / count;
  const Tensor kl = posterior.kl().mean();
  Tensor total = error + settings_.kl_weight * kl;
  if (discriminator_ && input.run_progress >= settings_.d_start) {
    total = total + adversarial_term(reconstructions, error, input, output);
  }
  output.losses["g_main"] = total.detach();
  output.scores["reconstruction"] = error.detach() * (count / numbers);  // of an element
  output.scores["kl"] = kl.detach();
  return add_guidance(total, {.images = reconstructions, .labels = {}, .original = [images] { return images; }}, input,
                      output);
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
    reconstructions = decoder_->decode(encoder_->posterior(input.real[0].images).sample(input.random));
  }
  const Tensor loss = discriminator_loss(*adversarial_, *discriminator_, {reconstructions, {}}, input, output);
  return input.run_progress >= settings_.d_start ? loss : loss * 0;
}

}  // namespace dgl
