#pragma once

#include <torch/types.h>

namespace dgl {

/// How well labels can be read off codes of images by a linear map: the share of test images whose label is the largest
/// output of the ridge regression, with intercept, from codes [n, d] to one-hot labels of the training images. The
/// penalty is 0.01 n of the squared weights of standardized codes. Deterministic: there is a closed form. Labels are
/// [n] int64 from 0. Throws Error if sets are empty or lengths differ.
double linear_accuracy(const torch::Tensor& train_codes, const torch::Tensor& train_labels,
                       const torch::Tensor& test_codes, const torch::Tensor& test_labels);

}  // namespace dgl
