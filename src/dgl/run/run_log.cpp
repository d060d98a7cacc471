#include "dgl/run/run_log.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxLogBytes = uint64_t{256} << 20;
constexpr size_t kMaxLineBytes = 64 << 10;
constexpr size_t kMaxCurves = 32;

void add_line(const TableReader& line, const std::string& where, RunLog& log) {
  const auto kimg = line.number("kimg");
  if (!kimg) fail_file("{}: key kimg: expected a number, found none", where);
  const double stage = line.number("stage").value_or(1);
  if (!(stage >= 0 && stage < 1000)) fail_file("{}: key stage: expected 0 to 999, got {}", where, stage);
  const auto number = static_cast<int64_t>(stage);
  if (log.stages.empty() || log.stages.back().number != number) {
    if (log.stages.size() == 1000) fail_file("{}: key stage: it changes more than 1000 times", where);
    log.stages.push_back({number, log.stages.empty() ? 0 : log.stages.back().kimg_end, *kimg});
  }
  log.stages.back().kimg_end = *kimg;
  log.kimg = *kimg;
  log.seconds = line.number("seconds").value_or(log.seconds);
  const auto add = [&](Curve& curve, std::optional<double> value) {
    if (value) curve.push_back({*kimg, *value});
  };
  const auto distance = line.number("fd");
  add(log.distance, distance);
  if (distance) log.evaluations.push_back({*kimg, *distance, line.number("seconds"), line.number("cpu_seconds")});
  add(log.images_per_second, line.number("images_per_second"));
  for (const auto& [group, curves] :
       {std::pair("loss", &log.losses), std::pair("score", &log.scores), std::pair("measures", &log.measures)}) {
    for (const auto& [name, value] : line.object(group).numbers(kMaxCurves)) add((*curves)[name], value);
    if (curves->size() > kMaxCurves)
      fail_file("{}: key {}: expected at most {} names in all lines", where, group, kMaxCurves);
  }
}

}  // namespace

nlohmann::json LogLine::to_json() const {
  nlohmann::json line = {{"stage", stage}, {"kimg", kimg},       {"images", images},
                         {"step", step},   {"seconds", seconds}, {"images_per_second", images_per_second},
                         {"loss", loss},   {"score", score}};
  if (cpu_seconds) line["cpu_seconds"] = *cpu_seconds;
  if (distance) line["fd"] = *distance;
  if (measures.is_object() && !measures.empty()) line["measures"] = measures;
  if (best) line["best"] = true;
  return line;
}

void for_each_log_line(const std::filesystem::path& path,
                       const std::function<void(const TableReader& line, const std::string& where)>& use) {
  const std::string text = read_file(path, kMaxLogBytes);
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const bool cut = end == std::string::npos;
    const std::string line = text.substr(at, cut ? end : end - at);
    const std::string where = fmt::format("{} line {}", path.string(), ++number);
    at = cut ? text.size() : end + 1;
    if (cut && !nlohmann::json::accept(line)) break;
    if (line.size() > kMaxLineBytes) fail_file("{}: {} bytes, expected at most {}", where, line.size(), kMaxLineBytes);
    use(TableReader(line, where), where);
  }
}

std::vector<std::pair<std::string, double>> log_scalars(const TableReader& line) {
  std::vector<std::pair<std::string, double>> scalars;
  for (const char* key : {"stage", "epoch", "fd", "accuracy", "seconds", "cpu_seconds", "images_per_second"}) {
    if (const auto value = line.number(key)) scalars.emplace_back(key, *value);
  }
  for (const std::string group : {"loss", "score", "measures"}) {
    for (const auto& [name, value] : line.object(group).numbers(kMaxCurves)) {
      scalars.emplace_back(fmt::format("{}/{}", group, name), value);
    }
  }
  return scalars;
}

RunLog read_run_log(const std::filesystem::path& path) {
  RunLog log;
  for_each_log_line(path, [&](const TableReader& line, const std::string& where) { add_line(line, where, log); });
  return log;
}

std::optional<double> mean_of_last_three(const Curve& curve) {
  if (curve.empty()) return std::nullopt;
  const size_t count = std::min<size_t>(3, curve.size());
  double sum = 0;
  for (size_t i = curve.size() - count; i < curve.size(); ++i) sum += curve[i].value;
  return sum / static_cast<double>(count);
}

Curve thinned(const Curve& curve, size_t most) {
  if (curve.size() <= most) return curve;
  const auto least = std::min_element(curve.begin(), curve.end(),
                                      [](const CurvePoint& a, const CurvePoint& b) { return a.value < b.value; });
  const auto least_index = static_cast<size_t>(least - curve.begin());
  Curve kept;
  const size_t count = most - 1;  // one point is reserved for the lowest
  for (size_t i = 0, previous = 0; i < count; ++i) {
    const size_t index = i * (curve.size() - 1) / (count - 1);
    if (i > 0 && least_index > previous && least_index < index) kept.push_back(*least);
    kept.push_back(curve[index]);
    previous = index;
  }
  return kept;
}

}  // namespace dgl
