#pragma once

#include <nlohmann/json.hpp>
#include <optional>
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

/// A count for people: 987, 12.3 k, 4.56 M, 7.89 G.
std::string count_text(double value);
/// Thousands of images to a tenth: 30, 30.5.
std::string kimg_text(double value);
/// A number to three or four digits: 0.0120, 1.23, 55.2, 1234.
std::string figure_text(double value);
/// "27.5 ± 0.4", both to the places of the one that has fewer; "27.5" without an error. Spaces that do not break.
std::string mean_text(double mean, std::optional<double> error);

}  // namespace dgl
