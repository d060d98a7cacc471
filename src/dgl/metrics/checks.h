#pragma once

#include <torch/types.h>

#include <string>

namespace dgl {

/// Throws Error, beginning with `what`, unless `rows` is [n, d] with d >= 1 and all its numbers are finite.
void check_rows(const torch::Tensor& rows, const std::string& what);

/// Checks two sets of features that are compared. They must have the same d.
void check_pair(const torch::Tensor& real, const torch::Tensor& fake, const std::string& what);

}  // namespace dgl
