#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dgl {

/// Escapes text for element content and quoted attributes: & < > " ' become references, and control characters except
/// tab and line feed become U+FFFD.
std::string escape_html(std::string_view text);

/// Returns JSON for a <script type="application/json">. It contains no <, > or &, so that no string can end the
/// element. Bytes that are not UTF-8 become U+FFFD.
std::string script_json(const nlohmann::json& json);

/// Encodes bytes as base64 with padding (RFC 4648).
std::string base64(std::string_view bytes);

/// Replaces each {{name}} of `page` by its value in one pass. Values are not searched for names. Throws Error for a
/// name without a value.
std::string fill_page(std::string_view page, const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace dgl
