#pragma once

#include <optional>
#include <string>

namespace dgl {

/// Formats a count for people: 987, 12.3 k, 4.56 M, 7.89 G.
std::string count_text(double value);
/// Formats thousands of images, rounded to a tenth: 30, 30.5.
std::string kimg_text(double value);
/// Formats a number with three or four digits: 0.0120, 1.23, 55.2, 1234.
std::string figure_text(double value);
/// Formats "27.5 ± 0.4" with spaces that do not break. Both numbers get the decimal places of the one that has fewer.
/// Without an error, returns the mean alone: "27.5".
std::string mean_text(double mean, std::optional<double> error);

}  // namespace dgl
