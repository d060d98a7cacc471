#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dgl {

/// JSON of a foreign text. Where it is malformed, or nested deeper than anything this program reads, the result is
/// discarded
/// (`is_discarded()`) and `why`, if given, says so: the library copies and destroys values by recursion.
nlohmann::json parse_json(std::string_view text, std::string* why = nullptr);

}  // namespace dgl
