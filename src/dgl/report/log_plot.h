#pragma once

#include <string>
#include <utility>
#include <vector>

namespace dgl {

/// A line of a plot.
struct PlotLine {
  std::string name;
  std::vector<std::pair<double, double>> points;  ///< x and y, both above 0; x ascending
};

/// Returns an HTML plot of lines on two logarithmic axes, which needs no script: a mark on the x axis for each x that
/// has a point, and on the y axis for round numbers. `x` and `y` name the axes. Empty if no line has two points.
std::string log_plot(const std::vector<PlotLine>& lines, const std::string& x, const std::string& y);

}  // namespace dgl
