#pragma once

#include "dgl/base/torch.h"

namespace dgl {

/// The area under the ROC curve of scores [N] of positives and [M] of negatives: the probability that a positive's is
/// higher, ties counted half (Hanley and McNeil 1982). 0.5 if they cannot be told apart, 1 if all positives are higher.
double area_under_roc(const torch::Tensor& positives, const torch::Tensor& negatives);

}  // namespace dgl
