#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace dgl {

/// TOML text as JSON: tables as objects, whole numbers as int64, other numbers as double. Throws Error that names
/// `origin` and the line for text that is not TOML, and for dates and times, which no file of this program has.
nlohmann::json parse_toml(const std::string& text, const std::string& origin);

/// The value that `text` is in TOML ("16", "[1, 2]", "\"a\""); nothing if it is none.
std::optional<nlohmann::json> parse_toml_value(const std::string& text);

}  // namespace dgl
