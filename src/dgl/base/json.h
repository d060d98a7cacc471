#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dgl {

/// Parses JSON text from an untrusted source. Malformed text gives a discarded value (`is_discarded()`), and `why`, if
/// given, receives the reason. Text that is nested deeper than anything this program reads is also rejected, because
/// the library copies and destroys values recursively.
nlohmann::json parse_json(std::string_view text, std::string* why = nullptr);

}  // namespace dgl
