#include "dgl/families/own_discriminator.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/stylegan2.h"
#include "dgl/guidance/guided_loss.h"
#include "dgl/losses/regularizers.h"
#include "dgl/nn/patch_discriminator.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr const char *kPatch = "patch", *kStyleGan2 = "stylegan2";

std::vector<std::string> loss_choices() {
  std::vector<std::string> names = adversarial_loss_names();
  names.insert(names.begin(), "");
  return names;
}

}  // namespace

void check_part(const std::string& part, const OwnDiscriminatorSettings& settings, const std::string& origin) {
  if (part != kDiscriminatorAlone) return;
  if (!settings.any()) {
    fail("{}: student.part = \"{}\": expected discriminator.architecture to name one", origin, kDiscriminatorAlone);
  }
  if (settings.start_kimg > 0) {
    fail("{}: discriminator.start_kimg = {}: expected 0, since the discriminator alone is trained (student.part)",
         origin, settings.start_kimg);
  }
}

std::vector<ConfigKey> own_discriminator_keys(OwnDiscriminatorSettings& s) {
  return {
      {"discriminator",
       "architecture",
       &s.architecture,
       "Discriminator of one's own, which judges what the model makes: none; patch, a PatchGAN; stylegan2",
       0,
       0,
       {"none", kPatch, kStyleGan2}},
      {"discriminator", "channels", &s.channels, "Feature maps at the image's resolution", 1, 1024},
      {"discriminator", "channel_max", &s.channel_max, "Most feature maps of a stylegan2", 1, 4096},
      {"discriminator", "layers", &s.layers, "Convolutions of stride 2 of a patch", 1, 10},
      {"discriminator", "norm", &s.norm, "Norm of a patch: batch, instance, none", 0, 0, {"batch", "instance", "none"}},
      {"discriminator", "loss", &s.loss, "Its loss; empty: logistic for a stylegan2, hinge for a patch", 0, 0,
       loss_choices()},
      {"discriminator", "weight", &s.weight,
       "Its gradient on the last layer of what it judges as a share of that layer's other gradient", 0, 1e6},
      {"discriminator", "start_kimg", &s.start_kimg,
       "Thousands of images of a run, those of stage 1 among them, after which it takes part", 0, 1e9},
      {"discriminator", "r1_gamma", &s.r1_gamma, "Weight of its R1 penalty; 0: none", 0, 1e6},
      {"discriminator", "r1_interval", &s.r1_interval, "The penalty is taken in every so many steps", 1, 1024}};
}

nlohmann::json own_discriminator_shape(const OwnDiscriminatorSettings& s, const FamilySettings& images, Rational width,
                                       const std::string& family) {
  if (!s.any()) return nullptr;
  if (s.architecture == kStyleGan2) {
    StyleGan2FamilySettings settings;
    static_cast<FamilySettings&>(settings) = images;
    settings.network.channel_base = s.channels * images.resolution;
    settings.network.channel_max = s.channel_max;
    return find_family(kStyleGan2, "the recipe").shape(settings, {.discriminator = width}, "discriminator");
  }
  const PatchDiscriminatorShape shape{images.resolution, images.img_channels, width.of(s.channels), s.layers, s.norm};
  return PatchDiscriminatorShape::from_json(shape.to_json(family), "the recipe").to_json(family);
}

std::shared_ptr<Network> make_patch_discriminator(const nlohmann::json& json, const std::string& family,
                                                  const std::string& origin, int64_t max_params) {
  const auto shape = PatchDiscriminatorShape::from_json(json, origin);
  check_size(shape.cost(), max_params, origin);
  return std::make_shared<PatchDiscriminator>(shape, family);
}

int64_t most_judged_shards(int64_t batch, int64_t group) { return batch % group == 0 ? batch / group : 1; }

int64_t judged_images(int64_t n, int64_t most) {
  return std::min(most, std::max<int64_t>(kJudgedGroup, n / kJudgedGroup * kJudgedGroup));
}

OwnDiscriminator::OwnDiscriminator(const OwnDiscriminatorSettings& settings,
                                   std::shared_ptr<Discriminator> discriminator)
    : settings_(settings), discriminator_(std::move(discriminator)) {
  if (!discriminator_) return;
  const std::string usual = settings.architecture == kStyleGan2 ? "logistic" : "hinge";
  loss_ = make_adversarial_loss(settings.loss.empty() ? usual : settings.loss, "discriminator.loss");
}

std::vector<Phase> OwnDiscriminator::phases(const std::function<Batch(const StepInput&)>& draw) const {
  if (!exists()) return {};
  std::vector<Phase> phases{
      {.name = "d_main", .trains = {"discriminator"}, .loss = [this, draw](const StepInput& input, StepOutput& output) {
         if (!plays(input)) return nothing();
         Batch fakes;
         {
           const torch::NoGradGuard no_grad;
           fakes = draw(input);
         }
         return discriminator_loss(*loss_, *discriminator_, fakes, input, output);
       }}};
  if (settings_.r1_gamma > 0) {
    phases.push_back({.name = "d_reg",
                      .trains = {"discriminator"},
                      .loss = [this](const StepInput& input, StepOutput& output) { return r1(input, output); },
                      .interval = settings_.r1_interval,
                      .regularizer = true});
  }
  return phases;
}

int64_t OwnDiscriminator::max_shards(int64_t others) const {
  if (exists() && settings_.architecture == kPatch && settings_.norm == "batch") return 1;
  return others;
}

Tensor OwnDiscriminator::term(const Tensor& images, const Tensor& labels, const Tensor& error,
                              const Tensor& last_weight, const StepInput& input, StepOutput& output) const {
  constexpr double kEpsilon = 1e-4, kMostWeight = 1e4;  // latent diffusion's
  const Tensor loss =
      loss_->generator(guided_scores(*discriminator_, input.augment(images), labels, /*chunks=*/1, input)).mean();
  const auto gradient_norm = [&](const Tensor& of) {
    return torch::autograd::grad({of}, {last_weight}, {}, /*retain_graph=*/true)[0].norm();
  };
  const Tensor weight =
      (gradient_norm(error) / (gradient_norm(loss) + kEpsilon)).clamp(0, kMostWeight) * settings_.weight;
  output.losses["g_adversarial"] = loss.detach();
  output.scores["adversarial_weight"] = weight;
  return weight * loss;
}

Tensor OwnDiscriminator::nothing() const { return discriminator_->parameters().front().sum() * 0; }

Tensor OwnDiscriminator::r1(const StepInput& input, StepOutput& output) const {
  if (!plays(input)) return nothing();
  const ops::TwiceDifferentiable twice;
  const Batch& batch = input.real[0];
  const Tensor real = batch.images.detach().clone().set_requires_grad(true);
  const Tensor scores = guided_scores(*discriminator_, input.augment(real), batch.labels, /*chunks=*/1, input);
  const Tensor loss = r1_penalty(mean_over_patches(scores), real) * (settings_.r1_gamma / 2);
  output.losses["d_reg"] = loss.detach();
  return loss * static_cast<double>(settings_.r1_interval);
}

}  // namespace dgl
