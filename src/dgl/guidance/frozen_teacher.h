#pragma once

#include <cstdint>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"

namespace dgl {

/// Makes a discriminator a teacher: it keeps its weights, and its passes change nothing of it.
void freeze_teacher(Discriminator& teacher);

/// A teacher's judgement of images [N, C, R, R] of any size (fit_images()), differentiable in them. `labels` [N] are
/// left out for a teacher that knows none; `chunks` and `features` are as in Discriminator::judge().
Judgement judge_as_teacher(Discriminator& teacher, const torch::Tensor& images, const torch::Tensor& labels,
                           int64_t chunks, bool features);

}  // namespace dgl
