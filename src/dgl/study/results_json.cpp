#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/paths.h"
#include "dgl/study/results.h"
#include "dgl/study/run_keys.h"

namespace dgl {

namespace {

using Run = StudyResults::Run;

bool is_done(const Run& run) { return run.fd.has_value(); }

nlohmann::json curve_json(const std::map<int64_t, StudyResults::Point>& curve) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [images, point] : curve) {
    all.push_back({static_cast<double>(images) / 1000, point.mean, point.least, point.greatest, point.count});
  }
  return all;
}

nlohmann::json evaluations_json(const std::vector<Evaluation>& evaluations) {
  nlohmann::json all = nlohmann::json::array();
  for (const Evaluation& point : evaluations) {
    if (!point.seconds) return nlohmann::json::array();
    all.push_back({point.kimg, point.distance, *point.seconds});
    if (point.cpu_seconds) all.back().push_back(*point.cpu_seconds);
  }
  return all;
}

nlohmann::json run_json(int64_t seed, const Run& run) {
  nlohmann::json json = {{"seed", seed}, {"folder", run.folder}};
  const auto put = [&](const char* key, const auto& value) {
    if (value) json[key] = *value;
  };
  for (const auto& [key, value] : kRunMeasures) put(key, run.*value);
  for (const auto& [key, value] : kRunNumbers) put(key, run.*value);
  put("failure", run.failure);
  put("from", run.from);
  const nlohmann::json evaluations = evaluations_json(run.evaluations);
  if (!evaluations.empty()) json["evaluations"] = evaluations;
  return json;
}

/// Which seconds all runs of a study have.
enum class Clock { none, wall, processor };

const char* clock_name(Clock clock) { return clock == Clock::processor ? "processor" : "wall"; }

/// True if all finished runs, of which there is one, have what `has` asks for.
template <class Has>
bool all_have(const StudyResults& numbers, const Has& has) {
  bool any = false;
  for (const StudyResults::Arm& arm : numbers.arms) {
    for (const auto& [seed, run] : arm.runs) {
      if (!is_done(run)) continue;
      if (!has(run)) return false;
      any = true;
    }
  }
  return any;
}

Clock clock_of_curves(const StudyResults& numbers) {
  const auto all = [&](const auto& has) {
    return all_have(numbers, [&](const Run& run) {
      return !run.evaluations.empty() && std::all_of(run.evaluations.begin(), run.evaluations.end(), has);
    });
  };
  if (!all([](const Evaluation& point) { return point.seconds.has_value(); })) return Clock::none;
  const bool processor = all([](const Evaluation& point) { return point.cpu_seconds.has_value(); }) &&
                         all_have(numbers, [](const Run& run) { return run.threads.has_value(); });
  return processor ? Clock::processor : Clock::wall;
}

Clock clock_of_images(const StudyResults& numbers) {
  const bool processor =
      all_have(numbers, [](const Run& run) { return run.threads.has_value() && run.cpu_seconds_per_kimg.has_value(); });
  return processor ? Clock::processor : Clock::wall;
}

/// Returns a run's distances over its seconds. Processor seconds are divided by the threads.
TimedCurve timed_curve(const Run& run, Clock clock) {
  TimedCurve curve;
  if (clock == Clock::none || !is_done(run)) return curve;
  for (const Evaluation& point : run.evaluations) {
    const double seconds =
        clock == Clock::processor ? point.cpu_seconds.value() / run.threads.value() : point.seconds.value();
    curve.push_back({seconds, point.distance});
  }
  return curve;
}

double seconds_per_kimg(const Run& run, Clock clock) {
  if (clock != Clock::processor) return run.seconds_per_kimg.value_or(0);
  return run.cpu_seconds_per_kimg.value() / run.threads.value();
}

/// Returns the mean curve of an arm's runs over seconds: [seconds, mean, least, greatest, count]. Runs of an arm are
/// evaluated at the same images, and their seconds there are averaged.
nlohmann::json mean_timed_curve(const StudyResults::Arm& arm, Clock clock) {
  struct Sum {
    StudyResults::Point point;
    double seconds = 0;
  };
  std::map<double, Sum> sums;  // by kimg
  for (const auto& [seed, run] : arm.runs) {
    const TimedCurve curve = timed_curve(run, clock);
    for (size_t i = 0; i < curve.size(); ++i) {
      Sum& sum = sums[run.evaluations[i].kimg];
      StudyResults::Point& point = sum.point;
      const double value = curve[i].distance;
      point.least = point.count ? std::min(point.least, value) : value;
      point.greatest = point.count ? std::max(point.greatest, value) : value;
      point.mean += value;
      sum.seconds += curve[i].seconds;
      ++point.count;
    }
  }
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [kimg, sum] : sums) {
    const auto count = static_cast<double>(sum.point.count);
    all.push_back({sum.seconds / count, sum.point.mean / count, sum.point.least, sum.point.greatest, sum.point.count});
  }
  return all;
}

/// How a run stands by the clock.
struct TimedResult {
  std::optional<double> end;                     ///< seconds of its whole training
  std::optional<double> at_budget;               ///< distance at the seed's budget
  std::optional<double> to_teacher, to_control;  ///< seconds until the level of the teacher and of the control's end
};

/// Gathers the numbers of all arms and writes results.json.
class Summary {
 public:
  Summary(const Study& study, const StudyResults& numbers)
      : study_(study), numbers_(numbers), clock_(clock_of_curves(numbers)), image_clock_(clock_of_images(numbers)) {
    for (size_t i = 0; i < study.arms.size(); ++i) {
      for (const auto& [seed, run] : numbers.arms[i].runs) {
        seeds_.insert(seed);
        if (is_done(run) && study.arms[i].name == study.control) control_[seed] = &run;
      }
    }
    find_budgets();
    for (const StudyResults::Arm& arm : numbers.arms) {
      for (const auto& [seed, run] : arm.runs) timed_[&run] = timed_result(seed, run);
    }
    for (size_t i = 0; i < study.arms.size(); ++i) {
      ratios_.emplace_back();
      if (study.arms[i].name != study.control) add_ratios(numbers.arms[i], ratios_.back());
    }
  }

  nlohmann::json json() const {
    nlohmann::json json = {{"study", study_.name},      {"title", study_.title},
                           {"control", study_.control}, {"recipe", file_name(study_.recipe_file)},
                           {"inputs", numbers_.inputs}, {"teacher", teacher_json()},
                           {"set", study_.overrides},   {"arms", nlohmann::json::array()},
                           {"seeds", seeds_},           {"equal", study_.equal_seconds ? "seconds" : "images"}};
    if (numbers_.metric) json["metric"] = *numbers_.metric;
    if (numbers_.judge_metric) json["judge_metric"] = *numbers_.judge_metric;
    if (numbers_.metric_samples) json["metric_samples"] = *numbers_.metric_samples;
    if (study_.seconds) json["seconds"] = *study_.seconds;
    if (clock_ != Clock::none) json["clock"] = clock_name(clock_);
    json["time_clock"] = clock_name(image_clock_);
    for (const auto& [seed, seconds] : budgets_) json["budgets"].push_back({static_cast<double>(seed), seconds});
    for (size_t i = 0; i < study_.arms.size(); ++i) json["arms"].push_back(arm_json(i));
    return json;
  }

 private:
  /// The seconds that runs of a seed are compared at: the least at which one of them ended, and at most the study's.
  void find_budgets() {
    for (const auto& [seed, control] : control_) {
      std::optional<double> budget = study_.seconds;
      for (const StudyResults::Arm& arm : numbers_.arms) {
        const auto found = arm.runs.find(seed);
        if (found == arm.runs.end()) continue;
        const TimedCurve curve = timed_curve(found->second, clock_);
        if (!curve.empty()) budget = std::min(budget.value_or(curve.back().seconds), curve.back().seconds);
      }
      if (budget && clock_ != Clock::none) budgets_[seed] = *budget;
    }
  }

  TimedResult timed_result(int64_t seed, const Run& run) const {
    TimedResult result;
    const TimedCurve curve = timed_curve(run, clock_);
    if (curve.empty()) return result;
    result.end = curve.back().seconds;
    if (const auto budget = budgets_.find(seed); budget != budgets_.end()) {
      result.at_budget = distance_at(curve, budget->second);
    }
    if (const auto teacher = numbers_.teacher.find(seed); teacher != numbers_.teacher.end() && teacher->second.fd) {
      result.to_teacher = seconds_to_level(curve, *teacher->second.fd);
    }
    if (const auto control = control_.find(seed); control != control_.end()) {
      result.to_control = seconds_to_level(curve, control->second->evaluations.back().distance);
    }
    return result;
  }

  /// Adds the logarithms of an arm's ratios to the control, by name.
  void add_ratios(const StudyResults::Arm& arm, std::map<std::string, std::vector<double>>& ratios) const {
    std::map<std::string, std::vector<std::pair<double, double>>> pairs{{"ratio", {}}, {"time", {}}};
    for (const auto& [seed, run] : arm.runs) {
      const auto at = control_.find(seed);
      if (!is_done(run) || at == control_.end()) continue;
      const Run& other = *at->second;
      const TimedResult &mine = timed_.at(&run), &others = timed_.at(&other);
      const auto add = [&](const char* name, const std::optional<double>& value, const std::optional<double>& base) {
        if (value && base) pairs[name].emplace_back(*value, *base);
      };
      add("ratio", run.fd, other.fd);
      add("ratio_last3", run.fd_last3, other.fd_last3);
      add("judge_ratio", run.judge_fd, other.judge_fd);
      add("ratio_at_budget", mine.at_budget, others.at_budget);
      add("seconds_to_control_ratio", mine.to_control, others.to_control);
      add("time", seconds_per_kimg(run, image_clock_), seconds_per_kimg(other, image_clock_));
    }
    for (const auto& [name, list] : pairs) ratios[name] = log_ratios(list);
  }

  PooledDeviation pooled(const std::string& name) const {
    std::vector<std::vector<double>> groups;
    for (const auto& ratios : ratios_) {
      if (const auto found = ratios.find(name); found != ratios.end()) groups.push_back(found->second);
    }
    return pooled_deviation(groups);
  }

  nlohmann::json teacher_json() const {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& [key, value] : kTeacherMeasures) {
      std::vector<double> values;
      for (const auto& [seed, teacher] : numbers_.teacher) {
        if (teacher.*value) values.push_back(*(teacher.*value));
      }
      const std::string name = key;
      if (!values.empty()) json[name] = spread_of(values).mean;
      if (values.size() > 1) json[name == "fd" ? "error" : name + "_error"] = spread_of(values).error;
    }
    return json;
  }

  nlohmann::json arm_json(size_t index) const {
    const StudyArm& arm = study_.arms[index];
    const StudyResults::Arm& known = numbers_.arms[index];
    nlohmann::json entry = {{"name", arm.name},
                            {"command", arm.command},
                            {"set", arm.overrides},
                            {"recipe", known.recipe},
                            {"runs", nlohmann::json::array()}};
    if (known.params) entry["params"] = *known.params;
    // Means over runs, by name; those that every study has are there without a value, too.
    std::map<std::string, std::vector<double>> means{{"fd", {}}, {"fd_end", {}}};
    std::vector<double> differences;
    int64_t done = 0;
    for (const auto& [seed, run] : known.runs) {
      nlohmann::json one = run_json(seed, run);
      const TimedResult& timed = timed_.at(&run);
      const auto put = [&](const char* key, const std::optional<double>& value) {
        if (value) one[key] = *value;
      };
      put("fd_at_budget", timed.at_budget);
      put("seconds_to_teacher", timed.to_teacher);
      put("seconds_to_control", timed.to_control);
      if (const auto teacher = numbers_.teacher.find(seed); is_done(run) && teacher != numbers_.teacher.end()) {
        for (const auto& [key, value] : kTeacherMeasures) {
          if (teacher->second.*value) one[std::string("teacher_") + key] = *(teacher->second.*value);
        }
      }
      entry["runs"].push_back(one);
      if (!is_done(run)) continue;
      ++done;
      const auto add = [&](const char* name, const std::optional<double>& value) {
        if (value) means[name].push_back(*value);
      };
      for (const auto& [key, value] : kRunMeasures) add(key, run.*value);
      add("fd_end", run.fd_end);
      add("fd_last3", run.fd_last3);
      add("seconds", timed.end);
      add("fd_at_budget", timed.at_budget);
      add("seconds_to_teacher", timed.to_teacher);
      add("seconds_to_control", timed.to_control);
      if (const auto at = control_.find(seed); at != control_.end()) differences.push_back(*run.fd - *at->second->fd);
    }
    for (const auto& [name, values] : means) entry[name] = spread_json(values);
    if (clock_ != Clock::none) {
      for (const char* name : {"seconds_to_teacher", "seconds_to_control"}) {
        entry[name] = spread_json(means[name]);
        entry[name]["of"] = done;
      }
      entry["curve_seconds"] = mean_timed_curve(known, clock_);
    }
    if (arm.name != study_.control) {
      entry["difference"] = spread_json(differences);
      for (const auto& [name, logarithms] : ratios_[index]) entry[name] = ratio_json(logarithms, pooled(name));
    }
    entry["curve"] = curve_json(known.curve);
    return entry;
  }

  const Study& study_;
  const StudyResults& numbers_;
  Clock clock_, image_clock_;  ///< of curves; of the time that an image takes
  std::set<int64_t> seeds_;
  std::map<int64_t, const Run*> control_;  ///< finished runs, by seed
  std::map<int64_t, double> budgets_;      ///< seconds, by seed
  std::map<const Run*, TimedResult> timed_;
  std::vector<std::map<std::string, std::vector<double>>> ratios_;  ///< of each arm, by name: logarithms
};

}  // namespace

nlohmann::json study_results(const Study& study, const StudyResults& numbers) { return Summary(study, numbers).json(); }

}  // namespace dgl
