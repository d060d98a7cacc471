#include "report/html.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace dgl {

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      case '\n':
      case '\t': out += c; break;
      case '\x7f': out += "\xEF\xBF\xBD"; break;
      default:
        if (c >= 0 && c < 0x20) {
          out += "\xEF\xBF\xBD";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string script_json(const nlohmann::json& json) {
  std::string out;
  // Outside of strings JSON has none of these, and within them \u003c is the same character.
  for (const char c : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    switch (c) {
      case '<': out += "\\u003c"; break;
      case '>': out += "\\u003e"; break;
      case '&': out += "\\u0026"; break;
      default: out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const auto byte = [&](size_t k) { return k < left ? static_cast<uint32_t>(static_cast<uint8_t>(bytes[i + k])) : 0; };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += left > 1 ? kDigits[group >> 6 & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
  return out;
}

std::string fill_page(std::string_view page, const std::vector<std::pair<std::string, std::string>>& values) {
  std::string out;
  while (true) {
    const size_t open = page.find("{{");
    out += page.substr(0, open);
    if (open == std::string_view::npos) return out;
    const size_t close = page.find("}}", open);
    if (close == std::string_view::npos) fail("report page: a {{{{ without }}}}");
    const std::string_view name = page.substr(open + 2, close - open - 2);
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == name; });
    if (found == values.end()) fail("report page: nothing to put for {}", name);
    out += found->second;
    page.remove_prefix(close + 2);
  }
}

std::string count_text(double value) {
  for (const auto& [unit, name] : {std::pair(1e12, " T"), {1e9, " G"}, {1e6, " M"}, {1e3, " k"}}) {
    // 999.96 k would be rounded to 1000 k.
    if (value >= unit * 0.9995) return figure_text(value / unit) + name;
  }
  return fmt::format("{:.0f}", value);
}

std::string kimg_text(double value) { return fmt::format("{:.15g}", std::round(value * 10) / 10); }

std::string figure_text(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) return fmt::format("{:.2e}", value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  if (size >= 0.9995 || size == 0) return fmt::format("{:.2f}", value);
  return fmt::format("{:#.3g}", value);
}

std::string mean_text(double mean, std::optional<double> error) {
  // Places after the point of a number that is written without an exponent.
  const auto places_of = [](const std::string& text) -> std::optional<int> {
    if (text.find_first_not_of("-.0123456789") != std::string::npos) return std::nullopt;
    const size_t point = text.find('.');
    return point == std::string::npos ? 0 : static_cast<int>(text.size() - point) - 1;
  };
  std::string left = figure_text(mean);
  if (!error) return left;
  std::string right = figure_text(*error);
  if (const auto of_mean = places_of(left), of_error = places_of(right); of_mean && of_error) {
    const int places = std::min(*of_mean, *of_error);
    left = fmt::format("{:.{}f}", mean, places);
    // An error that would be rounded away keeps its own.
    if (*error * std::pow(10, places) >= 0.5) right = fmt::format("{:.{}f}", *error, places);
  }
  return left + "\u00a0±\u00a0" + right;
}

}  // namespace dgl
