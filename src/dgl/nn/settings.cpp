#include "dgl/nn/settings.h"

#include <bit>

#include "dgl/base/error.h"

namespace dgl {

int64_t get_int(const nlohmann::json& json, const char* key, int64_t low, int64_t high, const std::string& origin) {
  if (!json.contains(key) || !json[key].is_number_integer()) {
    fail("{}: the network's settings have no whole number \"{}\"", origin, key);
  }
  const auto value = json[key].get<int64_t>();
  if (value < low || value > high) {
    fail("{}: network setting {} = {}: expected {} to {}", origin, key, value, low, high);
  }
  return value;
}

int64_t get_int_or(const nlohmann::json& json, const char* key, int64_t default_value, int64_t low, int64_t high,
                   const std::string& origin) {
  return json.contains(key) ? get_int(json, key, low, high, origin) : default_value;
}

bool get_bool_or(const nlohmann::json& json, const char* key, bool default_value, const std::string& origin) {
  if (!json.contains(key)) return default_value;
  if (!json[key].is_boolean()) fail("{}: network setting {}: expected true or false", origin, key);
  return json[key].get<bool>();
}

int64_t resolution_of(const nlohmann::json& json, const std::string& origin) {
  const int64_t r = get_int(json, "resolution", 8, 4096, origin);
  if (!std::has_single_bit(static_cast<uint64_t>(r))) {
    fail("{}: network setting resolution = {}: expected a power of two", origin, r);
  }
  return r;
}

void CostCounter::conv(int64_t in, int64_t out, int64_t kernel, int64_t pixels, bool bias) {
  cost.params += in * out * kernel * kernel + (bias ? out : 0);
  cost.macs += in * out * kernel * kernel * pixels;
}

void CostCounter::linear(int64_t in, int64_t out, bool bias) {
  cost.params += in * out + (bias ? out : 0);
  cost.macs += in * out;
}

}  // namespace dgl
