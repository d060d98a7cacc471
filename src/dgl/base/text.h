#pragma once

#include <optional>
#include <string>

namespace dgl {

/// A count for people: 987, 12.3 k, 4.56 M, 7.89 G.
std::string count_text(double value);
/// Thousands of images to a tenth: 30, 30.5.
std::string kimg_text(double value);
/// A number to three or four digits: 0.0120, 1.23, 55.2, 1234.
std::string figure_text(double value);
/// "27.5 ± 0.4", both to the places of the one that has fewer; "27.5" without an error. Spaces that do not break.
std::string mean_text(double mean, std::optional<double> error);

}  // namespace dgl
