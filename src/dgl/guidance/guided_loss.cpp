#include "dgl/guidance/guided_loss.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Blocks whose outputs are aligned, from the last on.
constexpr size_t kAlignedBlocks = 3;

/// Adds the first teacher's scores as a prior, if guidance says so.
Tensor with_prior(const Tensor& scores, const Tensor& images, const Tensor& labels, int64_t chunks,
                  const StepInput& input, size_t domain) {
  const Tensor prior = input.guidance ? input.guidance->logit_prior(images, labels, chunks, domain) : Tensor();
  if (!prior.defined()) return scores;
  return scores + (scores.dim() == 1 ? prior : prior.unsqueeze(1));
}

}  // namespace

Tensor feature_difference(const std::vector<Tensor>& own, const std::vector<Tensor>& teacher, int64_t n) {
  const size_t blocks = std::min({kAlignedBlocks, own.size(), teacher.size()});
  Tensor sum;
  for (size_t i = 1; i <= blocks; ++i) {
    const Tensor theirs = teacher[teacher.size() - i], ours = own[own.size() - i].slice(0, 0, n);
    if (ours.sizes() != theirs.sizes()) {
      fail(
          "guidance.align_features: features of {} x {} x {} in the student's discriminator and of {} x {} x {} in the "
          "teacher's; expected the same (student.discriminator_width)",
          ours.size(1), ours.size(2), ours.size(3), theirs.size(1), theirs.size(2), theirs.size(3));
    }
    const Tensor term = (ours.to(torch::kFloat) - theirs.to(torch::kFloat)).abs().mean();
    sum = sum.defined() ? sum + term : term;
  }
  return sum / static_cast<double>(blocks);
}

Tensor guided_scores(Discriminator& discriminator, const Tensor& images, const Tensor& labels, int64_t chunks,
                     const StepInput& input, size_t domain) {
  return with_prior(discriminator.forward(images, labels, chunks), images, labels, chunks, input, domain);
}

namespace {

/// What teachers add for images of one domain; `loss` is as in add_guidance().
GuidanceResult guidance_of(const Tensor& loss, const GuidedImages& fakes, const StepInput& input) {
  const Batch& real = input.real.at(fakes.domain);
  GuidanceInput guidance{.fake = fakes.images,
                         .labels = fakes.labels,
                         .progress = input.progress,
                         .own_loss = loss,
                         .real = [&](bool augmented) { return augmented ? input.augment(real.images) : real.images; },
                         .real_labels = real.labels,
                         .domain = fakes.domain,
                         .augmented = fakes.augmented,
                         .last_weight = fakes.last_weight,
                         .original = fakes.original,
                         .copies = fakes.copies};
  return input.guidance->evaluate(guidance);
}

/// Adds the mean of those that are defined.
void put_mean(Scalars& scalars, const char* name, const std::vector<Tensor>& values) {
  if (values.empty()) return;
  scalars[name] = values.size() == 1 ? values[0] : at::stack(values).mean();
}

}  // namespace

Tensor add_guidance(const Tensor& loss, const GuidedImages& fakes, const StepInput& input, StepOutput& output) {
  return add_guidance(loss, std::vector<GuidedImages>{fakes}, input, output);
}

Tensor add_guidance(const Tensor& loss, const std::vector<GuidedImages>& fakes, const StepInput& input,
                    StepOutput& output) {
  if (!input.guidance || input.guidance_scale == 0) return loss;
  if (input.guidance_alone) output.losses.clear();  // those of the main phase, which has them in its own step
  Tensor sum;
  Scalars losses;
  std::vector<Tensor> scores, weights;
  for (const GuidedImages& images : fakes) {
    const GuidanceResult term = guidance_of(loss, images, input);
    if (!term.loss.defined()) continue;
    sum = sum.defined() ? sum + term.loss : term.loss;
    for (const auto& [name, value] : term.losses) {
      Tensor& total = losses[name];
      total = total.defined() ? total + value : value;
    }
    if (term.scores.defined()) scores.push_back(term.scores.mean());
    if (term.weight.defined()) weights.push_back(term.weight);
    output.statistics.insert(term.statistics.begin(), term.statistics.end());
  }
  if (!sum.defined()) return input.guidance_alone ? loss * 0 : loss;
  output.losses["g_guidance"] = sum.detach();
  output.losses.insert(losses.begin(), losses.end());
  put_mean(output.scores, "teacher_fake", scores);
  put_mean(output.scores, "teacher_weight", weights);
  const Tensor scaled = sum * input.guidance_scale;
  return input.guidance_alone ? scaled : loss + scaled;
}

Tensor distillation_loss(const GuidedImages& fakes, const StepInput& input, StepOutput& output) {
  return distillation_loss(std::vector<GuidedImages>{fakes}, input, output);
}

Tensor distillation_loss(const std::vector<GuidedImages>& fakes, const StepInput& input, StepOutput& output) {
  Tensor sum;
  for (const GuidedImages& images : fakes) {
    const GuidanceResult term = input.guidance->distill({.fake = images.images,
                                                         .labels = images.labels,
                                                         .progress = input.progress,
                                                         .domain = images.domain,
                                                         .original = images.original});
    sum = sum.defined() ? sum + term.loss : term.loss;
  }
  output.losses["g_distill"] = sum.detach();
  return sum;
}

Tensor discriminator_loss(const AdversarialLoss& adversarial, Discriminator& discriminator, const Batch& fake,
                          const StepInput& input, StepOutput& output, size_t domain) {
  const Guidance* guidance = input.guidance;
  const DiscriminatorGuidance how = guidance ? guidance->discriminator() : DiscriminatorGuidance{};
  const Batch& batch = input.real.at(domain);
  const int64_t n = fake.images.size(0);
  Tensor real = batch.images;
  const bool replaced = how.teacher_data > 0 &&
                        at::rand({1}, input.host_random(/*stream=*/1), torch::kFloat).item<double>() < how.teacher_data;
  if (replaced) real = guidance->teacher_images(n, batch.labels, input.random);
  std::vector<Tensor> images{input.augment(real), input.augment(fake.images)};
  std::vector<Tensor> labels{batch.labels, fake.labels};
  if (how.duality_gap > 0) {
    images.push_back(input.augment(guidance->teacher_images(n, fake.labels, input.random)));
    labels.push_back(fake.labels);
  }
  const auto chunks = static_cast<int64_t>(images.size());
  const Tensor all_labels = fake.labels.defined() ? at::cat(labels) : fake.labels;
  const Tensor all_images = at::cat(images);
  Judgement judgement = discriminator.judge(all_images, all_labels, chunks, how.align_features > 0);
  const auto scores = with_prior(judgement.scores, all_images, all_labels, chunks, input, domain).chunk(chunks);
  Tensor real_losses = adversarial.discriminator_real(scores[0]),
         fake_losses = adversarial.discriminator_fake(scores[1]);
  std::vector<Tensor> teacher;
  if (how.smooth_labels || how.aligns()) {
    for (size_t i = 0; i < 2; ++i) teacher.push_back(guidance->teacher_scores(images[i], labels[i], domain));
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
  if (how.aligns()) {
    const Tensor own = at::cat({mean_over_patches(scores[0]), mean_over_patches(scores[1])}), theirs = at::cat(teacher);
    if (how.align > 0) add("d_align", how.align * (own - theirs).square().mean());
    if (how.align_probability > 0) {
      add("d_align_probability",
          how.align_probability * at::binary_cross_entropy_with_logits(own, at::sigmoid(theirs)));
    }
  }
  if (how.align_features > 0) {
    const auto theirs = guidance->teacher_features(
        at::cat({images[0], images[1]}), fake.labels.defined() ? at::cat({labels[0], labels[1]}) : Tensor(), domain);
    add("d_align_features", how.align_features * feature_difference(judgement.features, theirs, 2 * n));
  }
  if (input.augmentation) input.augmentation->watch(scores[0], !replaced, output.statistics);
  return loss;
}

}  // namespace dgl
