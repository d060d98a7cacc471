#pragma once

#include <torch/types.h>

#include <string>

namespace dgl {

/// Error that begins with `what` unless `rows` is [n, d] with d >= 1 and every number in it is finite.
void check_rows(const torch::Tensor& rows, const std::string& what);

/// The same for two sets of features that are compared; they must have the same d.
void check_pair(const torch::Tensor& real, const torch::Tensor& fake, const std::string& what);

}  // namespace dgl
