#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "dgl/nn/network.h"

namespace dgl {

/// The whole number `key` of a network's settings. Error (naming `origin` and the key) where there is none, or one that
/// is not within low … high.
int64_t get_int(const nlohmann::json& json, const char* key, int64_t low, int64_t high, const std::string& origin);
/// The same, or `default_value` where the settings do not have the key.
int64_t get_int_or(const nlohmann::json& json, const char* key, int64_t default_value, int64_t low, int64_t high,
                   const std::string& origin);
/// The truth value `key`, or `default_value`.
bool get_bool_or(const nlohmann::json& json, const char* key, bool default_value, const std::string& origin);
/// "resolution": a power of two, 8 … 4096.
int64_t resolution_of(const nlohmann::json& json, const std::string& origin);

/// Adds layers to a cost.
struct CostCounter {
  Cost cost;
  void conv(int64_t in, int64_t out, int64_t kernel, int64_t pixels, bool bias);
  void linear(int64_t in, int64_t out, bool bias = true);
};

}  // namespace dgl
