#include "dgl/guidance/guided_loss.h"

#include <cstdint>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

Tensor add_guidance(const Tensor& loss, const Tensor& fake, const Tensor& labels, const StepInput& input,
                    StepOutput& output, size_t domain) {
  if (!input.guidance || input.guidance_scale == 0) return loss;
  const Batch& real = input.real.at(domain);
  GuidanceInput guidance{.fake = fake,
                         .labels = labels,
                         .progress = input.progress,
                         .own_loss = loss,
                         .real = [&] { return input.augment(real.images); },
                         .real_labels = real.labels,
                         .domain = domain};
  const GuidanceResult term = input.guidance->evaluate(guidance);
  if (!term.loss.defined()) return loss;
  output.losses["g_guidance"] = term.loss.detach();
  if (term.scores.defined()) output.scores["teacher_fake"] = term.scores.mean();
  if (term.weight.defined()) output.scores["teacher_weight"] = term.weight;
  output.statistics.insert(term.statistics.begin(), term.statistics.end());
  return loss + term.loss * input.guidance_scale;
}

Tensor discriminator_loss(const AdversarialLoss& adversarial, Discriminator& discriminator, const Batch& fake,
                          const StepInput& input, StepOutput& output, size_t domain) {
  const Guidance* guidance = input.guidance;
  const DiscriminatorGuidance how = guidance ? guidance->discriminator() : DiscriminatorGuidance{};
  const Batch& batch = input.real.at(domain);
  const int64_t n = fake.images.size(0);
  Tensor real = batch.images;
  const bool replaced =
      how.teacher_data > 0 &&
      at::rand({1}, input.random, real.options().dtype(torch::kFloat)).item<double>() < how.teacher_data;
  if (replaced) real = guidance->teacher_images(n, batch.labels, input.random);
  std::vector<Tensor> images{input.augment(real), input.augment(fake.images)};
  std::vector<Tensor> labels{batch.labels, fake.labels};
  if (how.duality_gap > 0) {
    images.push_back(input.augment(guidance->teacher_images(n, fake.labels, input.random)));
    labels.push_back(fake.labels);
  }
  const auto chunks = static_cast<int64_t>(images.size());
  const Tensor all_labels = fake.labels.defined() ? at::cat(labels) : fake.labels;
  const auto scores = discriminator.forward(at::cat(images), all_labels, chunks).chunk(chunks);
  Tensor real_losses = adversarial.discriminator_real(scores[0]),
         fake_losses = adversarial.discriminator_fake(scores[1]);
  std::vector<Tensor> teacher;
  if (how.smooth_labels || how.align > 0) {
    for (size_t i = 0; i < 2; ++i) teacher.push_back(guidance->teacher_scores(images[i], labels[i]));
  }
  if (how.smooth_labels) {
    real_losses = at::sigmoid(teacher[0]) * mean_over_patches(real_losses);
    fake_losses = at::sigmoid(-teacher[1]) * mean_over_patches(fake_losses);
  }
  Tensor loss = real_losses.mean() + fake_losses.mean();
  output.losses["d_main"] = loss.detach();
  output.scores["real"] = scores[0].detach().mean();
  output.scores["fake"] = scores[1].detach().mean();
  const auto add = [&](const char* name, const Tensor& term) {
    output.losses[name] = term.detach();
    loss = loss + term;
  };
  if (how.duality_gap > 0) add("d_duality", how.duality_gap * adversarial.discriminator_fake(scores[2]).mean());
  if (how.align > 0) {
    const Tensor own = at::cat({mean_over_patches(scores[0]), mean_over_patches(scores[1])});
    add("d_align", how.align * (own - at::cat(teacher)).square().mean());
  }
  if (input.augmentation) input.augmentation->watch(scores[0], !replaced, output.statistics);
  return loss;
}

}  // namespace dgl
