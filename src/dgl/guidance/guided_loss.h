#pragma once

#include "dgl/base/torch.h"
#include "dgl/guidance/guidance.h"
#include "dgl/losses/adversarial.h"

namespace dgl {

/// Adds the guidance term to `loss`, what the student's own discriminator makes its generator minimize on `fake`
/// [N, C, R, R] with `labels` [N] (or undefined; augmented already), and reports it as "g_guidance" and "teacher_fake".
/// Returns `loss` if no term applies to `domain` in this step.
torch::Tensor add_guidance(const torch::Tensor& loss, const torch::Tensor& fake, const torch::Tensor& labels,
                           const StepInput& input, StepOutput& output, size_t domain = 0);

/// The loss of the student's discriminator on the input's real images and on `fake`, with what guidance adds to it
/// (guidance/discriminator_guidance.h). All images go through it in one pass. Reports "d_main", the mean scores as
/// "real" and "fake", and the terms of guidance as "d_duality" and "d_align".
torch::Tensor discriminator_loss(const AdversarialLoss& loss, Discriminator& discriminator, const Batch& fake,
                                 const StepInput& input, StepOutput& output, size_t domain = 0);

}  // namespace dgl
