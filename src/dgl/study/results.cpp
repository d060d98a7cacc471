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
#include "dgl/study/run_keys.h"

namespace dgl {

namespace {

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

/// Returns the evaluations in the log of a run's folder.
std::vector<Evaluation> evaluations_of(const fs::path& folder) {
  if (!fs::exists(folder / "log.jsonl")) return {};
  return read_run_log(folder / "log.jsonl").evaluations;
}

/// Returns the mean of the last three evaluations of a run's own log, which an earlier version's summary lacks.
std::optional<double> last_three_of(const fs::path& folder) {
  if (!fs::exists(folder / "log.jsonl")) return std::nullopt;
  return mean_of_last_three(read_run_log(folder / "log.jsonl").distance);
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

/// Reads the evaluations of a run in results.json: [kimg, distance, seconds] or [kimg, distance, seconds, cpu_seconds].
std::vector<Evaluation> read_evaluations(const TableReader& run, const std::string& where) {
  std::vector<Evaluation> evaluations;
  for (const std::vector<double>& row : run.rows("evaluations", 3)) {
    const bool increases = evaluations.empty() || row[2] >= *evaluations.back().seconds;
    if (!std::all_of(row.begin(), row.end(), is_modest) || row[0] < 0 || row[2] < 0 || !increases) {
      fail("{}: evaluations: expected [kimg, distance, seconds, cpu_seconds] in the order of time", where);
    }
    evaluations.push_back({row[0], row[1], row[2], row.size() > 3 ? std::optional(row[3]) : std::nullopt});
  }
  return evaluations;
}

}  // namespace

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
    std::vector<Evaluation> evaluations = evaluations_of(runs[i].folder);
    if (runs[i].depends_on) {
      const std::vector<Evaluation> before = evaluations_of(runs[*runs[i].depends_on].folder);
      evaluations.insert(evaluations.begin(), before.begin(), before.end());
    }
    for (const Evaluation& point : evaluations) {
      add_point(arm.curve, images_of(point.kimg), {point.distance, point.distance, point.distance, 1});
    }
    StudyResults::Run& run = arm.runs[runs[i].seed];
    run.folder = runs[i].folder.lexically_relative(root_of(runs[i])).string();
    if (const auto why = failures.find(i); why != failures.end()) run.failure = why->second;
    if (!fs::exists(file)) continue;
    const TableReader summary(read_file(file, 4 << 20), file.string());
    const TableReader student = summary.object("student"), teacher = summary.object("teacher");
    for (const auto& [name, value] : kRunMeasures) run.*value = student.number(name);
    for (const TableReader& stage : summary.objects("stages")) {  // a stage without images has no distance
      if (const auto fd = stage.number("fd_end")) run.fd_end = fd;
      const auto seconds = stage.number("seconds"), start = stage.number("kimg_start"), end = stage.number("kimg_end");
      if (!start || !end || !(*end > *start)) continue;
      const auto cpu_seconds = stage.number("cpu_seconds");
      run.seconds_per_kimg = seconds ? std::optional(*seconds / (*end - *start)) : std::nullopt;
      run.cpu_seconds_per_kimg = cpu_seconds ? std::optional(*cpu_seconds / (*end - *start)) : std::nullopt;
    }
    run.evaluations = std::move(evaluations);
    run.threads = summary.number("threads");
    run.fd_last3 = summary.object("result").number("fd_last3");
    if (!run.fd_last3) run.fd_last3 = last_three_of(runs[i].folder);
    if (!run.fd || !run.fd_end) fail("{}: has no distance; a study needs evaluation.features", file.string());
    run.kimg = summary.object("result").number("kimg");
    arm.params = student.object("generator").number("params");
    if (teacher.number("fd")) {
      StudyResults::Teacher measures;
      for (const auto& [name, value] : kTeacherMeasures) measures.*value = teacher.number(name);
      numbers.teacher.emplace(runs[i].seed, measures);
    }
    if (const auto name = summary.text("metric")) numbers.metric = name;
    if (const auto name = summary.text("judge_metric")) numbers.judge_metric = name;
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
  numbers.judge_metric = results.text("judge_metric");
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
      const std::string place = fmt::format("{}: arm {}, seed {}", where, name, seed);
      StudyResults::Run read;
      read.folder = fmt::format("arms/{}/seed{}", name, seed);
      read.failure = run.text("failure");
      read.from = run.text("from").value_or(where);
      read.evaluations = read_evaluations(run, place);
      for (const auto& [key, value] : kRunNumbers) read.*value = run.number(key);
      for (const auto& [key, value] : kRunMeasures) read.*value = run.number(key);
      if (!read.failure && !read.fd) fail("{} is not done there; expected a study that is", place);
      const bool whole = !read.fd || (read.fd_end && is_modest(*read.fd) && is_modest(*read.fd_end));
      if (!whole) fail("{}: expected two distances, fd and fd_end", place);
      for (const auto& [key, value] : kRunNumbers) {
        if (read.*value && !is_modest(*(read.*value))) fail("{}: {} {:g} is too large", place, key, *(read.*value));
      }
      for (const auto& [key, value] : kRunMeasures) {
        if (read.*value && !is_modest(*(read.*value))) fail("{}: {} {:g} is too large", place, key, *(read.*value));
      }
      for (const auto& [key, time] : {std::pair("seconds_per_kimg", read.seconds_per_kimg),
                                      {"cpu_seconds_per_kimg", read.cpu_seconds_per_kimg}}) {
        if (time && !(*time > 0)) fail("{}: {} {:g}, expected a time", place, key, *time);
      }
      if (read.threads && !(*read.threads >= 1)) fail("{}: threads {:g}, expected 1 or more", place, *read.threads);
      if (!arm.runs.emplace(seed, read).second) fail("{}: arm {} has seed {} twice", where, name, seed);
      if (const auto fd = run.number("teacher_fd"); fd && is_modest(*fd)) {
        StudyResults::Teacher measures;
        for (const auto& [key, value] : kTeacherMeasures) {
          const auto number = run.number(std::string("teacher_") + key);
          if (number && is_modest(*number)) measures.*value = number;
        }
        numbers.teacher.emplace(seed, measures);
      }
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
  if (!take(to.judge_metric, from.judge_metric)) {
    fail("{}: the judge measures {}, expected {}", file, *from.judge_metric, *to.judge_metric);
  }
  to.teacher.insert(from.teacher.begin(), from.teacher.end());
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

}  // namespace dgl
