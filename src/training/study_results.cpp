#include "training/study_results.h"

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "report/json_view.h"
#include "report/run_log.h"

namespace dgl {

namespace {

/// What a finished run says of itself.
struct Finished {
  double fd = 0;      ///< of the result, over the final samples
  double fd_end = 0;  ///< at the last image
  JsonView summary;
};

std::optional<Finished> read_finished(const fs::path& folder) {
  const fs::path file = folder / "summary.json";
  if (!fs::exists(file)) return std::nullopt;
  Finished finished;
  finished.summary = JsonView(read_file(file, 4 << 20), file.string());
  const auto fd = finished.summary.object("student").number("fd");
  std::optional<double> fd_end;
  for (const JsonView& stage : finished.summary.objects("stages")) {  // one without images has none
    if (const auto fd = stage.number("fd_end")) fd_end = fd;
  }
  if (!fd || !fd_end) fail("{}: has no distance; a study needs evaluation.features", file.string());
  finished.fd = *fd;
  finished.fd_end = *fd_end;
  return finished;
}

nlohmann::json spread_json(const std::vector<double>& values) {
  const Spread spread = spread_of(values);
  nlohmann::json json = {{"count", spread.count}};
  if (spread.count > 0) json["mean"] = spread.mean;
  if (spread.count > 1) {
    json["deviation"] = spread.deviation;
    json["error"] = spread.error;
  }
  return json;
}

/// The geometric mean of ratios given by their logarithms, and its error to first order.
nlohmann::json ratio_json(const std::vector<double>& logarithms) {
  const Spread spread = spread_of(logarithms);
  nlohmann::json json = {{"count", spread.count}};
  if (spread.count > 0) json["mean"] = std::exp(spread.mean);
  if (spread.count > 1) json["error"] = std::exp(spread.mean) * spread.error;
  return json;
}

/// Distances of an arm's runs by thousands of images, those of their stage 1 before their own.
class ArmCurve {
 public:
  void add(const fs::path& folder) {
    if (!fs::exists(folder / "log.jsonl")) return;
    // Counts of images are whole numbers, so that seeds meet at the same ones.
    for (const CurvePoint& point : read_run_log(folder / "log.jsonl").distance) points_[std::llround(point.kimg * 1000)].push_back(point.value);
  }
  /// [kimg, mean, least, greatest, count] in order.
  nlohmann::json json() const {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& [images, values] : points_) {
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      all.push_back({static_cast<double>(images) / 1000, spread_of(values).mean, *low, *high, values.size()});
    }
    return all;
  }

 private:
  std::map<int64_t, std::vector<double>> points_;
};

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
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

nlohmann::json study_results(const Study& study, const std::vector<StudyRun>& runs,
                             const std::map<size_t, std::string>& failures) {
  const auto root_of = [](const StudyRun& run) { return run.folder.parent_path().parent_path().parent_path(); };
  std::map<int64_t, double> control;  // by seed
  std::vector<std::map<int64_t, double>> results(study.arms.size());
  std::vector<std::vector<double>> ends(study.arms.size());
  std::vector<ArmCurve> curves(study.arms.size());
  std::vector<nlohmann::json> arms(study.arms.size());
  nlohmann::json teacher, metric, samples;
  for (size_t i = 0; i < runs.size(); ++i) {
    const StudyRun& run = runs[i];
    if (!run.arm) continue;
    const size_t arm = *run.arm;
    if (run.needs) curves[arm].add(runs[*run.needs].folder);
    curves[arm].add(run.folder);
    nlohmann::json json = {{"seed", run.seed}, {"folder", run.folder.lexically_relative(root_of(run)).string()}};
    if (const auto finished = read_finished(run.folder)) {
      const JsonView student = finished->summary.object("student"), result = finished->summary.object("result");
      results[arm][run.seed] = finished->fd;
      ends[arm].push_back(finished->fd_end);
      if (study.arms[arm].name == study.control) control[run.seed] = finished->fd;
      json["fd"] = finished->fd;
      json["fd_end"] = finished->fd_end;
      if (const auto kimg = result.number("kimg")) json["kimg"] = *kimg;
      if (const auto params = student.object("generator").number("params")) arms[arm]["params"] = *params;
      if (const auto fd = finished->summary.object("teacher").number("fd")) teacher["fd"] = *fd;
      if (const auto name = finished->summary.text("metric")) metric = *name;
      if (const auto count = finished->summary.number("metric_samples")) samples = *count;
    }
    if (const auto why = failures.find(i); why != failures.end()) json["failure"] = why->second;
    arms[arm]["runs"].push_back(json);
  }

  nlohmann::json json = {{"study", study.name},       {"title", study.title},  {"control", study.control},
                         {"seeds", study.seeds},      {"metric", metric},      {"metric_samples", samples},
                         {"teacher", teacher},        {"set", study.overrides},
                         {"arms", nlohmann::json::array()}};
  json["recipe"] = fs::path(study.recipe_file).filename().string();
  for (size_t i = 0; i < study.arms.size(); ++i) {
    const StudyArm& arm = study.arms[i];
    nlohmann::json& entry = arms[i];
    entry["name"] = arm.name;
    entry["command"] = arm.command;
    entry["set"] = arm.overrides;
    std::vector<double> values, differences, logarithms;
    for (const auto& [seed, value] : results[i]) {
      values.push_back(value);
      const auto other = control.find(seed);
      if (other == control.end()) continue;
      differences.push_back(value - other->second);
      if (value > 0 && other->second > 0) logarithms.push_back(std::log(value / other->second));
    }
    entry["fd"] = spread_json(values);
    entry["fd_end"] = spread_json(ends[i]);
    if (arm.name != study.control) {
      entry["difference"] = spread_json(differences);
      entry["ratio"] = ratio_json(logarithms);
    }
    entry["curve"] = curves[i].json();
    json["arms"].push_back(entry);
  }
  return json;
}

}  // namespace dgl
