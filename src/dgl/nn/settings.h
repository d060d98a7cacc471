#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/table_reader.h"
#include "dgl/nn/network.h"

namespace dgl {

/// Returns a reader of a network's settings(). Its messages name `origin`.
TableReader network_settings(const nlohmann::json& json, const std::string& origin);
/// Returns the setting "resolution". Throws Error unless it is a power of two in 8 … 4096.
int64_t resolution_of(const TableReader& settings, const std::string& origin);

/// Sums the costs of layers.
struct CostCounter {
  Cost cost;
  void conv(int64_t in, int64_t out, int64_t kernel, int64_t pixels, bool bias);
  void linear(int64_t in, int64_t out, bool bias = true);
};

}  // namespace dgl
