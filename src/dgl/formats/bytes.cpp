#include "dgl/formats/bytes.h"

#include <nlohmann/json.hpp>

namespace dgl {

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

}  // namespace dgl
