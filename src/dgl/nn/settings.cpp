#include "dgl/nn/settings.h"

#include <bit>
#include <cstdint>

#include "dgl/base/error.h"

namespace dgl {

TableReader network_settings(const nlohmann::json& json, const std::string& origin) {
  return {json, origin, "network setting "};
}

int64_t resolution_of(const TableReader& settings, const std::string& origin) {
  const int64_t r = settings.integer("resolution", 8, 4096);
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
