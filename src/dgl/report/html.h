#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dgl {

/// Text as it can stand between tags and in quoted attributes: & < > " ' as references, control characters but tab and
/// line feed as U+FFFD.
std::string escape_html(std::string_view text);

/// JSON that can stand in a <script type="application/json">: no <, > or & in it, so that no string can end the
/// element. Bytes that are not UTF-8 become U+FFFD.
std::string script_json(const nlohmann::json& json);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Replaces each {{name}} of `page` by its value, in one pass: a value is never searched for names.
/// Error for a name without a value.
std::string fill_page(std::string_view page, const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace dgl
