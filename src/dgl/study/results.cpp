#include "dgl/study/results.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/paths.h"
#include "dgl/base/table_reader.h"
#include "dgl/run/run_log.h"

namespace dgl {

namespace {

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

/// Returns the geometric mean of ratios and its error to first order. Ignores pairs with a value that is not above 0.
nlohmann::json ratio_json(const std::vector<std::pair<double, double>>& pairs) {
  std::vector<double> logarithms;
  for (const auto& [value, other] : pairs) {
    if (value > 0 && other > 0) logarithms.push_back(std::log(value / other));
  }
  const SampleStats spread = spread_of(logarithms);
  nlohmann::json json = {{"count", spread.count}};
  if (spread.count > 0) json["mean"] = std::exp(spread.mean);
  if (spread.count > 1) json["error"] = std::exp(spread.mean) * spread.error;
  return json;
}

constexpr uint64_t kMaxBytes = 64 << 20;

void add_point(std::map<int64_t, StudyResults::Point>& curve, int64_t images, const StudyResults::Point& other) {
  const auto [at, added] = curve.emplace(images, other);
  if (added) return;
  StudyResults::Point& point = at->second;
  const auto mine = static_cast<double>(point.count), others = static_cast<double>(other.count);
  point.mean = (point.mean * mine + other.mean * others) / (mine + others);
  point.least = std::min(point.least, other.least);
  point.greatest = std::max(point.greatest, other.greatest);
  point.count += other.count;
}

/// Counts of images are whole numbers, so that seeds share the same points.
int64_t images_of(double kimg) { return std::llround(kimg * 1000); }

void add_log(std::map<int64_t, StudyResults::Point>& curve, const fs::path& folder) {
  if (!fs::exists(folder / "log.jsonl")) return;
  for (const CurvePoint& point : read_run_log(folder / "log.jsonl").distance) {
    add_point(curve, images_of(point.kimg), {point.value, point.value, point.value, 1});
  }
}

nlohmann::json curve_json(const std::map<int64_t, StudyResults::Point>& curve) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [images, point] : curve) {
    all.push_back({static_cast<double>(images) / 1000, point.mean, point.least, point.greatest, point.count});
  }
  return all;
}

nlohmann::json run_json(int64_t seed, const StudyResults::Run& run) {
  nlohmann::json json = {{"seed", seed}, {"folder", run.folder}};
  const auto put = [&](const char* key, const auto& value) {
    if (value) json[key] = *value;
  };
  put("fd", run.fd);
  put("fd_end", run.fd_end);
  put("kimg", run.kimg);
  put("seconds_per_kimg", run.seconds_per_kimg);
  put("failure", run.failure);
  put("from", run.from);
  return json;
}

/// Returns the index of the arm called `name`. Throws Error if the study has none.
size_t arm_of(const Study& study, const std::string& name, const std::string& where) {
  for (size_t i = 0; i < study.arms.size(); ++i) {
    if (study.arms[i].name == name) return i;
  }
  fail("{}: has an arm {}, which the study lacks", where, name);
}

/// True for a number within bounds that no study exceeds. Sums of such numbers stay finite.
bool is_modest(double value) { return std::abs(value) < 1e12; }

}  // namespace

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

StudyResults read_runs(const Study& study, const std::vector<StudyRun>& runs,
                       const std::map<size_t, std::string>& failures,
                       const std::map<std::string, std::string>& inputs) {
  const auto root_of = [](const StudyRun& run) { return run.folder.parent_path().parent_path().parent_path(); };
  StudyResults numbers;
  numbers.inputs = inputs;
  numbers.arms.resize(study.arms.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].arm) continue;
    StudyResults::Arm& arm = numbers.arms[*runs[i].arm];
    Recipe recipe = runs[i].recipe;
    recipe.seed = 0;
    arm.recipe = recipe_identity(recipe);
    const fs::path file = runs[i].folder / "summary.json";
    if (!runs[i].selected && !fs::exists(file)) continue;
    if (runs[i].depends_on) add_log(arm.curve, runs[*runs[i].depends_on].folder);
    add_log(arm.curve, runs[i].folder);
    StudyResults::Run& run = arm.runs[runs[i].seed];
    run.folder = runs[i].folder.lexically_relative(root_of(runs[i])).string();
    if (const auto why = failures.find(i); why != failures.end()) run.failure = why->second;
    if (!fs::exists(file)) continue;
    const TableReader summary(read_file(file, 4 << 20), file.string());
    run.fd = summary.object("student").number("fd");
    for (const TableReader& stage : summary.objects("stages")) {  // a stage without images has no distance
      if (const auto fd = stage.number("fd_end")) run.fd_end = fd;
      const auto seconds = stage.number("seconds"), start = stage.number("kimg_start"), end = stage.number("kimg_end");
      if (seconds && start && end && *end > *start) run.seconds_per_kimg = *seconds / (*end - *start);
    }
    if (!run.fd || !run.fd_end) fail("{}: has no distance; a study needs evaluation.features", file.string());
    run.kimg = summary.object("result").number("kimg");
    arm.params = summary.object("student").object("generator").number("params");
    if (const auto fd = summary.object("teacher").number("fd")) numbers.teacher_fd.emplace(runs[i].seed, *fd);
    if (const auto name = summary.text("metric")) numbers.metric = name;
    if (const auto count = summary.number("metric_samples")) numbers.metric_samples = count;
  }
  return numbers;
}

StudyResults read_results(const fs::path& file, const Study& study) {
  const std::string where = file.string(), text = read_file(file, kMaxBytes);
  const TableReader results(text, where);
  StudyResults numbers;
  for (const auto& [name, hash] : results.object("inputs").texts()) numbers.inputs[name] = hash;
  numbers.arms.resize(study.arms.size());
  numbers.metric = results.text("metric");
  numbers.metric_samples = results.number("metric_samples");
  for (const TableReader& view : results.objects("arms")) {
    const std::string name = view.text("name").value_or("");
    StudyResults::Arm& arm = numbers.arms[arm_of(study, name, where)];
    const auto recipe = view.text("recipe");
    if (!recipe) fail("{}: arm {}: expected its recipe", where, name);
    arm.recipe = recipe_identity(parse_recipe(*recipe, fmt::format("{}: arm {}: recipe", where, name)));
    arm.params = view.number("params");
    for (const TableReader& run : view.objects("runs")) {
      constexpr double kGreatestSeed = 9007199254740991;  // greatest seed of a recipe
      const auto number = run.number("seed");
      const bool whole_number = number && *number >= 0 && *number <= kGreatestSeed && *number == std::floor(*number);
      if (!whole_number) fail("{}: arm {}: a run without a seed", where, name);
      const auto seed = static_cast<int64_t>(*number);
      StudyResults::Run read{fmt::format("arms/{}/seed{}", name, seed),
                             run.number("fd"),
                             run.number("fd_end"),
                             run.number("kimg"),
                             run.number("seconds_per_kimg"),
                             run.text("failure"),
                             run.text("from").value_or(where)};
      if (!read.failure && !read.fd)
        fail("{}: arm {}, seed {} is not done there; expected a study that is", where, name, seed);
      const bool whole = !read.fd || (read.fd_end && is_modest(*read.fd) && is_modest(*read.fd_end));
      if (!whole) fail("{}: arm {}, seed {}: expected two distances, fd and fd_end", where, name, seed);
      if (const double time = read.seconds_per_kimg.value_or(1); !(time > 0 && is_modest(time))) {
        fail("{}: arm {}, seed {}: seconds_per_kimg {:g}, expected a time", where, name, seed, time);
      }
      if (!arm.runs.emplace(seed, read).second) fail("{}: arm {} has seed {} twice", where, name, seed);
      if (const auto fd = run.number("teacher_fd"); fd && is_modest(*fd)) numbers.teacher_fd.emplace(seed, *fd);
    }
    for (const std::vector<double>& point : view.rows("curve", 5)) {
      if (!(std::all_of(point.begin(), point.end(), is_modest) && point[0] >= 0 && point[4] >= 1)) {
        fail("{}: arm {}: curve: expected [kimg, mean, least, greatest, count]", where, name);
      }
      add_point(arm.curve, images_of(point[0]), {point[1], point[2], point[3], static_cast<int64_t>(point[4])});
    }
  }
  return numbers;
}

void merge_results(const Study& study, StudyResults& to, const StudyResults& from, const std::string& file) {
  if (from.inputs != to.inputs) {
    std::set<std::string> names;
    const auto add_unlike = [&](const auto& these, const auto& those) {
      for (const auto& [name, hash] : these) {
        const auto other = those.find(name);
        if (other == those.end() || other->second != hash) names.insert(name);
      }
    };
    add_unlike(to.inputs, from.inputs);
    add_unlike(from.inputs, to.inputs);
    fail("{}: is of other files than the study's, which differ in {}", file, fmt::join(names, ", "));
  }
  const auto take = [](auto& mine, const auto& other) {
    if (!mine) mine = other;
    return !other || *mine == *other;
  };
  if (!take(to.metric, from.metric)) fail("{}: measures {}, expected {}", file, *from.metric, *to.metric);
  if (!take(to.metric_samples, from.metric_samples)) {
    fail("{}: {} over {:g} samples, expected {:g}", file, from.metric.value_or("fd"), *from.metric_samples,
         *to.metric_samples);
  }
  to.teacher_fd.insert(from.teacher_fd.begin(), from.teacher_fd.end());
  for (size_t i = 0; i < study.arms.size(); ++i) {
    StudyResults::Arm& arm = to.arms[i];
    const std::string& recipe = from.arms[i].recipe;
    if (!recipe.empty() && recipe != arm.recipe) {
      const auto [line, expected] = first_difference(recipe, arm.recipe);
      fail("{}: arm {} is of another recipe: {}, expected {}", file, study.arms[i].name, line, expected);
    }
    take(arm.params, from.arms[i].params);
    for (const auto& [seed, run] : from.arms[i].runs) {
      const auto [mine, added] = arm.runs.emplace(seed, run);
      if (added || !run.fd) continue;
      if (mine->second.fd) {
        fail("{}: arm {}, seed {} is done here, too, or stands in another file; expected it once", file,
             study.arms[i].name, seed);
      }
      mine->second = run;
    }
    for (const auto& [images, point] : from.arms[i].curve) add_point(arm.curve, images, point);
  }
}

nlohmann::json study_results(const Study& study, const StudyResults& numbers) {
  nlohmann::json json = {{"study", study.name},      {"title", study.title},
                         {"control", study.control}, {"recipe", file_name(study.recipe_file)},
                         {"inputs", numbers.inputs}, {"teacher", nlohmann::json::object()},
                         {"set", study.overrides},   {"arms", nlohmann::json::array()}};
  if (numbers.metric) json["metric"] = *numbers.metric;
  if (numbers.metric_samples) json["metric_samples"] = *numbers.metric_samples;
  std::vector<double> teacher;
  for (const auto& [seed, fd] : numbers.teacher_fd) teacher.push_back(fd);
  if (!teacher.empty()) json["teacher"]["fd"] = spread_of(teacher).mean;
  if (teacher.size() > 1) json["teacher"]["error"] = spread_of(teacher).error;
  std::map<int64_t, const StudyResults::Run*> control;  // by seed
  std::set<int64_t> seeds;
  for (size_t i = 0; i < study.arms.size(); ++i) {
    for (const auto& [seed, run] : numbers.arms[i].runs) {
      seeds.insert(seed);
      if (run.fd && study.arms[i].name == study.control) control[seed] = &run;
    }
  }
  json["seeds"] = seeds;
  for (size_t i = 0; i < study.arms.size(); ++i) {
    const StudyArm& arm = study.arms[i];
    const StudyResults::Arm& known = numbers.arms[i];
    nlohmann::json entry = {{"name", arm.name},
                            {"command", arm.command},
                            {"set", arm.overrides},
                            {"recipe", known.recipe},
                            {"runs", nlohmann::json::array()}};
    if (known.params) entry["params"] = *known.params;
    std::vector<double> values, ends, differences;
    std::vector<std::pair<double, double>> distances, times;
    for (const auto& [seed, run] : known.runs) {
      entry["runs"].push_back(run_json(seed, run));
      if (const auto fd = numbers.teacher_fd.find(seed); run.fd && fd != numbers.teacher_fd.end()) {
        entry["runs"].back()["teacher_fd"] = fd->second;
      }
      if (!run.fd) continue;
      values.push_back(*run.fd);
      ends.push_back(run.fd_end.value());
      const auto at = control.find(seed);
      if (at == control.end()) continue;
      const StudyResults::Run& other = *at->second;
      differences.push_back(*run.fd - *other.fd);
      distances.emplace_back(*run.fd, *other.fd);
      times.emplace_back(run.seconds_per_kimg.value_or(0), other.seconds_per_kimg.value_or(0));
    }
    entry["fd"] = spread_json(values);
    entry["fd_end"] = spread_json(ends);
    if (arm.name != study.control) {
      entry["difference"] = spread_json(differences);
      entry["ratio"] = ratio_json(distances);
      entry["time"] = ratio_json(times);
    }
    entry["curve"] = curve_json(known.curve);
    json["arms"].push_back(entry);
  }
  return json;
}

}  // namespace dgl
