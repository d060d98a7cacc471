#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/guidance/guidance.h"
#include "dgl/losses/adversarial.h"

namespace dgl {

/// Scores [N] or [N, P] of images as the student's losses take them: those of its own discriminator and, if guidance
/// says so, those of the first teacher of their domain as a prior (DiscriminatorGuidance::logit_prior). Images are
/// augmented already.
torch::Tensor guided_scores(Discriminator& discriminator, const torch::Tensor& images, const torch::Tensor& labels,
                            int64_t chunks, const StepInput& input, size_t domain = 0);

/// The mean absolute difference, a scalar, of the features of the first `n` images in the student's discriminator and
/// in a teacher's, over the outputs of the last three blocks. Throws Error if they differ in shape.
torch::Tensor feature_difference(const std::vector<torch::Tensor>& own, const std::vector<torch::Tensor>& teacher,
                                 int64_t n);

/// Generated images of one phase, for teachers.
struct GuidedImages {
  torch::Tensor images{};                     ///< [N, C, R, R] with gradients, as GuidanceInput::fake
  torch::Tensor augmented{};                  ///< the same as the student's discriminator sees them
  torch::Tensor labels{};                     ///< [N], or undefined
  torch::Tensor last_weight{};                ///< as GuidanceInput::last_weight
  std::function<torch::Tensor()> original{};  ///< as GuidanceInput::original
  torch::Tensor copies{};                     ///< as GuidanceInput::copies
  size_t domain = 0;
};

/// Adds the guidance terms to `loss`, what the student's own discriminator makes its generator minimize on `fakes`, and
/// reports their sum as "g_guidance" and the first teacher's mean score as "teacher_fake". Returns `loss` if no term
/// applies to their domain in this step, and the terms alone in a phase of guidance (StepInput::guidance_alone).
torch::Tensor add_guidance(const torch::Tensor& loss, const GuidedImages& fakes, const StepInput& input,
                           StepOutput& output);
/// The same for images of several domains, each at most once: sums of their terms, means of the teachers' scores and
/// weights.
torch::Tensor add_guidance(const torch::Tensor& loss, const std::vector<GuidedImages>& fakes, const StepInput& input,
                           StepOutput& output);

/// The loss of a stage of distillation: how far the images are from the teacher's that they stand for
/// (`fakes.original`, Guidance::distill). Reports it as "g_distill".
torch::Tensor distillation_loss(const GuidedImages& fakes, const StepInput& input, StepOutput& output);
/// The same for images of several domains, each at most once: the sum.
torch::Tensor distillation_loss(const std::vector<GuidedImages>& fakes, const StepInput& input, StepOutput& output);

/// The loss of the student's discriminator on the input's real images and on `fake`, with what guidance adds to it
/// (guidance/discriminator_guidance.h). All images go through it in one pass. Reports "d_main", the mean scores as
/// "real" and "fake", and the terms of guidance as "d_duality", "d_align",
/// "d_align_probability" and "d_align_features".
torch::Tensor discriminator_loss(const AdversarialLoss& loss, Discriminator& discriminator, const Batch& fake,
                                 const StepInput& input, StepOutput& output, size_t domain = 0);

}  // namespace dgl
