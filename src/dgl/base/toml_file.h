#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace dgl {

/// Parses TOML text into JSON: tables become objects, whole numbers int64 and other numbers double. Throws Error,
/// naming `origin` and the line, if the text is not TOML. Dates and times also throw, since no file of this program has
/// them.
nlohmann::json parse_toml(const std::string& text, const std::string& origin);

/// Parses a TOML value ("16", "[1, 2]", "\"a\""). Returns nothing if `text` is none.
std::optional<nlohmann::json> parse_toml_value(const std::string& text);

}  // namespace dgl
