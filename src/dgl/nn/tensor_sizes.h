#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

/// The tensors of a network by name, without a prefix.
using NamedTensors = std::map<std::string, torch::Tensor>;

/// Reads a network's shape from the sizes of its tensors. Keeps a reference to them.
class TensorSizes {
 public:
  /// `origin` names the file in messages.
  TensorSizes(const NamedTensors& tensors, const std::string& origin) : tensors_(tensors), origin_(origin) {}

  bool has(const std::string& name) const { return tensors_.count(name) != 0; }
  /// Returns size number `which` of a tensor. Throws Error if no tensor has that name, if it does not have `dimensions`
  /// dimensions, or if it is empty.
  int64_t operator()(const std::string& name, int64_t dimensions, int64_t which) const;

 private:
  const NamedTensors& tensors_;
  const std::string origin_;
};

}  // namespace dgl
