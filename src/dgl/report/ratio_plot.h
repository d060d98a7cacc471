#pragma once

#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// What one arm of a study came to beside the control arm.
struct RatioRow {
  struct Run {
    double seed, ratio;
  };
  std::string name;
  std::vector<Run> runs;              ///< each to the control's of its seed; ratios are finite and above 0
  std::optional<double> mean, error;  ///< of the ratios, where these are known
};

/// Rows of points on a common logarithmic axis, one for each run, with the mean and its error beside them, as HTML that
/// needs no script. Empty if no row has a run.
std::string ratio_plot(const std::vector<RatioRow>& rows);

/// Round numbers within [low, high], 0 < low < 1 < high, for the ticks of a logarithmic axis, nine at most: 0.8, 0.9,
/// 1, … where it spans little; 0.5, 1, 2, 5, … where it spans decades.
std::vector<double> ratio_ticks(double low, double high);

}  // namespace dgl
