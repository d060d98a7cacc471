#include "dgl/study/comparison.h"

#include <cmath>

#include "dgl/base/student_t.h"

namespace dgl {

SampleStats spread_of(const std::vector<double>& values) {
  SampleStats spread;
  spread.count = static_cast<int64_t>(values.size());
  if (values.empty()) return spread;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / n;
  if (values.size() < 2) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / (n - 1));
  spread.error = spread.deviation / std::sqrt(n);
  return spread;
}

nlohmann::json spread_json(const std::vector<double>& values) {
  const SampleStats spread = spread_of(values);
  nlohmann::json json = {{"count", spread.count}};
  if (spread.count > 0) json["mean"] = spread.mean;
  if (spread.count > 1) {
    json["deviation"] = spread.deviation;
    json["error"] = spread.error;
  }
  return json;
}

std::optional<double> distance_at(const TimedCurve& curve, double seconds) {
  for (size_t i = 0; i < curve.size(); ++i) {
    const TimedDistance& after = curve[i];
    if (after.seconds < seconds) continue;
    if (after.seconds == seconds) return after.distance;
    if (i == 0) return std::nullopt;
    const TimedDistance& before = curve[i - 1];
    const double share = (seconds - before.seconds) / (after.seconds - before.seconds);
    // A distance of 0 has no logarithm.
    if (!(before.distance > 0 && after.distance > 0)) {
      return before.distance + share * (after.distance - before.distance);
    }
    return std::exp((1 - share) * std::log(before.distance) + share * std::log(after.distance));
  }
  return std::nullopt;
}

std::optional<double> seconds_to_level(const TimedCurve& curve, double level) {
  for (const TimedDistance& point : curve) {
    if (point.distance <= level) return point.seconds;
  }
  return std::nullopt;
}

std::vector<double> log_ratios(const std::vector<std::pair<double, double>>& pairs) {
  std::vector<double> logarithms;
  for (const auto& [value, other] : pairs) {
    if (value > 0 && other > 0) logarithms.push_back(std::log(value / other));
  }
  return logarithms;
}

PooledDeviation pooled_deviation(const std::vector<std::vector<double>>& groups) {
  PooledDeviation pooled;
  double squares = 0;
  for (const std::vector<double>& group : groups) {
    if (group.size() < 2) continue;
    const auto degrees = static_cast<int64_t>(group.size()) - 1;
    const double deviation = spread_of(group).deviation;
    squares += static_cast<double>(degrees) * deviation * deviation;
    pooled.degrees += degrees;
  }
  if (pooled.degrees > 0) pooled.deviation = std::sqrt(squares / static_cast<double>(pooled.degrees));
  return pooled;
}

nlohmann::json ratio_json(const std::vector<double>& logarithms, const PooledDeviation& pooled) {
  const SampleStats spread = spread_of(logarithms);
  nlohmann::json json = {{"count", spread.count}};
  if (spread.count == 0) return json;
  json["mean"] = std::exp(spread.mean);
  const auto put_interval = [&](const char* low, const char* high, double error, int64_t degrees) {
    const double reach = student_t_quantile(degrees) * error;
    json[low] = std::exp(spread.mean - reach);
    json[high] = std::exp(spread.mean + reach);
  };
  if (spread.count > 1) {
    json["error"] = std::exp(spread.mean) * spread.error;
    put_interval("low", "high", spread.error, spread.count - 1);
  }
  if (pooled.degrees > 0) {
    json["pooled_deviation"] = pooled.deviation;
    json["pooled_degrees"] = pooled.degrees;
    put_interval("pooled_low", "pooled_high", pooled.deviation / std::sqrt(static_cast<double>(spread.count)),
                 pooled.degrees);
  }
  return json;
}

}  // namespace dgl
