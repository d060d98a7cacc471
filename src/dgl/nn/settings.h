#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/table_reader.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A network's settings(), to be read key by key; messages name `origin`.
TableReader network_settings(const nlohmann::json& json, const std::string& origin);
/// "resolution": a power of two, 8 … 4096.
int64_t resolution_of(const TableReader& settings, const std::string& origin);

/// Adds layers to a cost.
struct CostCounter {
  Cost cost;
  void conv(int64_t in, int64_t out, int64_t kernel, int64_t pixels, bool bias);
  void linear(int64_t in, int64_t out, bool bias = true);
};

}  // namespace dgl
