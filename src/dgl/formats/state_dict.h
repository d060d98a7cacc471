#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/formats/pickle.h"

namespace dgl {

/// What a pickle holds of networks.
struct FoundTensors {
  std::map<std::string, const PickleTensor*> tensors;  ///< by dotted name
  /// Of networks that NVIDIA's persistence saved, by their key: the arguments by name that they were made with,
  /// and under kClassArgument the name of their class.
  nlohmann::json arguments;
};

/// Finds the tensors in the nested dicts of a pickle: {"g_ema": {"a.weight": t}} gives "g_ema.a.weight", and the dicts
/// of a list have their numbers for names. A network that was saved as an object (torch.nn.Module, as such or by
/// NVIDIA's persistence) is taken for its state dict: its parameters, buffers and inner networks are read as data, and
/// its class and source are not. All else is passed over. Only names for which `wanted` returns true are returned; an
/// empty function wants all. Throws Error, naming `origin`.
FoundTensors find_tensors(const Pickle& pickle, const std::string& origin,
                          const std::function<bool(const std::string&)>& wanted);

}  // namespace dgl
