#include "dgl/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace dgl {

std::string count_text(double value) {
  for (const auto& [unit, name] : {std::pair(1e12, " T"), {1e9, " G"}, {1e6, " M"}, {1e3, " k"}}) {
    // Without this factor 999.96 k would be rounded to 1000 k.
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
  // Returns the number of decimal places, or nothing if the number has an exponent.
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
    // An error that would be rounded to 0 keeps its own decimal places.
    if (*error * std::pow(10, places) >= 0.5) right = fmt::format("{:.{}f}", *error, places);
  }
  return left + "\u00a0±\u00a0" + right;
}

}  // namespace dgl
