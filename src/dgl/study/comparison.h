#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

namespace dgl {

/// Mean, standard deviation (ddof 1) and standard error of the mean over seeds. The last two need two values.
struct SampleStats {
  int64_t count = 0;
  double mean = 0, deviation = 0, error = 0;
};
SampleStats spread_of(const std::vector<double>& values);

/// Returns `count`, and as far as they exist `mean`, `deviation` and `error`, as results.json has them.
nlohmann::json spread_json(const std::vector<double>& values);

/// Distances of one run over its seconds of training, in the order of time.
struct TimedDistance {
  double seconds = 0, distance = 0;
};
using TimedCurve = std::vector<TimedDistance>;

/// Returns the distance at a time, interpolated between the evaluations before and after it: linear in the logarithm of
/// the distance, over seconds. Nothing before the first evaluation and after the last, where nothing was measured.
///
/// The last evaluation before that time would favor the arm that was measured just then, which the control usually is.
std::optional<double> distance_at(const TimedCurve& curve, double seconds);

/// Returns the seconds of the first evaluation with a distance of `level` or less. Nothing if there is none.
std::optional<double> seconds_to_level(const TimedCurve& curve, double level);

/// Logarithms of the ratios of paired values, first to second. Pairs with a value that is not above 0 are left out.
std::vector<double> log_ratios(const std::vector<std::pair<double, double>>& pairs);

/// A standard deviation pooled over groups: each group counts by its degrees of freedom.
struct PooledDeviation {
  double deviation = 0;
  int64_t degrees = 0;  ///< 0: no group has two values
};
PooledDeviation pooled_deviation(const std::vector<std::vector<double>>& groups);

/// Returns a geometric mean ratio as results.json has it, from the logarithms of paired ratios:
/// - `count`, and with one pair `mean`
/// - with two pairs `error` (to first order), and `low` and `high`, the 95 % interval of Student's t over the pairs
/// - if `pooled` has degrees of freedom, `pooled_deviation` and `pooled_degrees` of the logarithm, and `pooled_low` and
///   `pooled_high`, the 95 % interval with that deviation instead
nlohmann::json ratio_json(const std::vector<double>& logarithms, const PooledDeviation& pooled);

}  // namespace dgl
