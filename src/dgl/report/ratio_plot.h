#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dgl {

/// The results of one arm of a study relative to the control arm.
struct RatioRow {
  struct Run {
    double seed, ratio;
  };
  std::string name;
  std::vector<Run> runs;       ///< each relative to the control's run of the same seed; ratios are finite and above 0
  std::optional<double> mean;  ///< geometric mean of the ratios, if known
  std::optional<std::pair<double, double>> interval;  ///< of the mean, if known, both ends above 0
};

/// Returns an HTML plot that needs no script: one row per arm on a common logarithmic axis, with a point per run, the
/// mean and its interval. Empty if no row has a run.
std::string ratio_plot(const std::vector<RatioRow>& rows);

/// Returns at most nine round numbers within [low, high], 0 < low < 1 < high, for the ticks of a logarithmic axis: 0.8,
/// 0.9, 1, … for a narrow range; 0.5, 1, 2, 5, … for decades.
std::vector<double> ratio_ticks(double low, double high);

}  // namespace dgl
