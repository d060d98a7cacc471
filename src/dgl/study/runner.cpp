#include "dgl/study/runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "dgl/base/byte_text.h"
#include "dgl/base/child_process.h"
#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/folder_lock.h"
#include "dgl/base/interrupt.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/base/table_reader.h"
#include "dgl/report/study_report.h"
#include "dgl/run/run_directory.h"
#include "dgl/run/run_log.h"
#include "dgl/study/results.h"

namespace dgl {

namespace {

/// Returns the name of a run for messages: "lambda-0.1, seed 3".
std::string run_name(const StudyRun& run) {
  return fmt::format("{}{}, seed {}", run.arm ? "" : "stage 1 of ", run.folder.parent_path().filename().string(),
                     run.seed);
}

bool has_begun(const StudyRun& run) { return fs::exists(run.folder / "recipe.toml"); }

/// Returns the last line that a run's program printed.
std::string last_words(const fs::path& output) {
  std::string text = fs::exists(output) ? read_file(output) : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// Returns the number of concurrent runs: 1 on a GPU, else one per `threads` cores.
int64_t jobs_of(const StudyOptions& options) {
  if (options.jobs > 0) return options.jobs;
  return parse_device(options.device).is_cuda() ? 1 : std::max<int64_t>(1, usable_cores() / options.threads);
}

/// Runs a study: holds its plan and its child processes.
class Runner {
 public:
  Runner(const Study& study, const fs::path& out, const StudyOptions& options)
      : study_(study),
        out_(out),
        options_(options),
        runs_(plan_runs(study, out)),
        places_(runs_.size()),
        progress_(options.quiet) {
    jobs_ = jobs_of(options);
    select_runs(study, runs_, options.arms, options.seeds);
    for (const fs::path& file : options.with) elsewhere_.push_back(read_results(file, study));
    inputs_ = hash_inputs(study);
  }

  int run() {
    std::error_code error;
    fs::create_directories(out_, error);
    if (error) fail("{}: cannot be made: {}", out_.string(), error.message());
    InterruptGuard interrupts;
    std::optional<FolderLock> lock;
    try {
      lock.emplace(out_ / "study.lock", [this, said = false]() mutable {
        if (!said) progress_.print("another process works on this study; waiting for its runs to end");
        said = true;
        if (InterruptGuard::received()) throw Interrupted();
      });
    } catch (const Interrupted&) {
      return 128 + InterruptGuard::received();
    }
    prepare();
    while (!InterruptGuard::received()) {
      const bool started = start_next();
      const bool ended = collect();
      if (ended) write_results();
      if (!started && !ended && running() == 0) break;  // an ended run may have unblocked others
      show();
      if (!started && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (const int signal = InterruptGuard::received()) return stop(signal);
    write_results();
    report_failures();
    progress_.print(fmt::format("{}: {} runs done; {}", study_.name, count_here(), (out_ / "report.html").string()));
    return 0;
  }

 private:
  struct Interrupted {};
  struct Place {
    enum State { kToDo, kRunning, kDone, kFailed } state = kToDo;
    std::unique_ptr<ChildProcess> process;
    std::string error;
  };

  /// Determines which runs are done and which remain, once no other process works here. Throws Error if existing runs
  /// do not match the study.
  void prepare() {
    const int64_t shards = shards_so_far().value_or(options_.threads);
    for (StudyRun& run : runs_) {
      run.recipe.run.device = options_.device;
      run.recipe.run.threads = options_.threads;
      if (run.recipe.shards == 0) run.recipe.shards = shards;
      expect_same_recipe(run);
    }
    expect_same_inputs();
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (standing_of(runs_[i]).state == RunStatus::kDone) places_[i].state = Place::kDone;
    }
    for (const StudyResults& other : elsewhere_) {
      for (StudyRun& run : runs_) {
        if (!run.arm) continue;
        const auto& there = other.arms[*run.arm].runs;
        const auto found = there.find(run.seed);
        if (found != there.end() && found->second.fd) run.selected = false;
      }
    }
    prune_unused_stages(runs_);
    results();  // throws its errors before anything is trained
  }

  static void expect_same_recipe(const StudyRun& run) {
    if (!has_begun(run)) return;
    const std::string there = recipe_identity(RunDirectory::open(run.folder).recipe()),
                      planned = recipe_identity(run.recipe);
    if (there == planned) return;
    const auto [is, should] = first_difference(there, planned);
    fail(
        "{}: holds a run of another recipe than the study's: {}, expected {}; give another --out, or remove that "
        "folder",
        run.folder.string(), is, should);
  }

  /// Throws Error if the folder's runs began with other contents of the study's files.
  void expect_same_inputs() {
    noted_inputs_ = inputs_;
    const fs::path file = out_ / "inputs.json";
    if (!fs::exists(file) || std::none_of(runs_.begin(), runs_.end(), has_begun)) return;
    for (const auto& [name, hash] : TableReader(read_file(file, 1 << 20), file.string()).texts()) {
      if (noted_inputs_.emplace(name, hash).first->second == hash) continue;
      fail("{}: the runs there were begun with another {} than the study's, which has changed; give another --out",
           out_.string(), name);
    }
  }

  /// Returns the shard count of existing runs, here or elsewhere, if the study's recipe leaves it open. Runs with
  /// another shard count draw other random numbers and could not be paired.
  std::optional<int64_t> shards_so_far() const {
    for (const StudyRun& run : runs_) {
      if (run.recipe.shards == 0 && has_begun(run)) return RunDirectory::open(run.folder).recipe().shards;
    }
    for (const StudyRun& run : runs_) {
      for (size_t i = 0; i < elsewhere_.size(); ++i) {
        if (run.recipe.shards != 0 || !run.arm || elsewhere_[i].arms[*run.arm].recipe.empty()) continue;
        return parse_recipe(elsewhere_[i].arms[*run.arm].recipe, options_.with[i].string()).shards;
      }
    }
    return std::nullopt;
  }

  int64_t count_here() const {
    return std::count_if(runs_.begin(), runs_.end(), [](const StudyRun& run) { return run.selected; });
  }

  int64_t running() const {
    return std::count_if(places_.begin(), places_.end(), [](const Place& p) { return p.state == Place::kRunning; });
  }

  /// Starts the first run that is ready, if a job is free.
  bool start_next() {
    if (running() >= jobs_) return false;
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (!runs_[i].selected || places_[i].state != Place::kToDo) continue;
      if (const auto needs = runs_[i].depends_on) {
        if (places_[*needs].state == Place::kFailed) {
          places_[i].state = Place::kFailed;
          places_[i].error = "the stage 1 that it starts from failed";
          continue;
        }
        if (places_[*needs].state != Place::kDone) continue;
      }
      start(runs_[i], places_[i]);
      return true;
    }
    return false;
  }

  void start(const StudyRun& run, Place& place) {
    write_file(out_ / "inputs.json", json_text(noted_inputs_, 2) + "\n");
    if (has_begun(run)) {
      write_file(run.folder / "recipe.toml", recipe_toml(run.recipe));  // its files may have moved
    } else {
      RunDirectory::create(run.folder, run.recipe, /*overwrite=*/false);
    }
    place.process =
        std::make_unique<ChildProcess>(std::vector<std::string>{own_program(), "resume", run.folder.string(),
                                                                "--threads", std::to_string(options_.threads)},
                                       run.folder / "output.txt");
    place.state = Place::kRunning;
  }

  /// Records which runs have ended.
  bool collect() {
    bool any = false;
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (places_[i].state != Place::kRunning) continue;
      const auto status = places_[i].process->status();
      if (!status) continue;
      any = true;
      places_[i].process.reset();
      const bool done = *status == 0 && standing_of(runs_[i]).state == RunStatus::kDone;
      places_[i].state = done ? Place::kDone : Place::kFailed;
      if (!done) places_[i].error = fmt::format("status {}: {}", *status, last_words(runs_[i].folder / "output.txt"));
      progress_.print(fmt::format("{}: {}", run_name(runs_[i]), done ? "done" : "failed, " + places_[i].error));
    }
    return any;
  }

  void show() {
    if (now_seconds() - shown_ < 1) return;
    shown_ = now_seconds();
    int64_t done = 0;
    std::string working;
    for (size_t i = 0; i < runs_.size(); ++i) {
      done += runs_[i].selected && places_[i].state == Place::kDone;
      if (places_[i].state != Place::kRunning) continue;
      const RunStatus standing = standing_of(runs_[i]);
      working += fmt::format(" | {} {:g}/{:g} kimg", run_name(runs_[i]), standing.kimg, standing.kimg_total);
    }
    progress_.update(fmt::format("{} of {} runs done{}", done, count_here(), working));
  }

  std::map<size_t, std::string> failures() const {
    std::map<size_t, std::string> all;
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (places_[i].state == Place::kFailed) all[i] = places_[i].error;
    }
    return all;
  }

  std::string results() const {
    StudyResults all = read_runs(study_, runs_, failures(), inputs_);
    for (size_t i = 0; i < elsewhere_.size(); ++i) merge_results(study_, all, elsewhere_[i], options_.with[i].string());
    // The output of a failed program may not be UTF-8.
    return json_text(study_results(study_, all), 2) + "\n";
  }

  void write_results() {
    write_file(out_ / "results.json", results());
    write_study_report(out_);
  }

  void report_failures() const {
    const auto all = failures();
    if (all.empty()) return;
    fail("{} of {} runs failed, the first: {}: {}", all.size(), count_here(), run_name(runs_[all.begin()->first]),
         all.begin()->second);
  }

  int stop(int signal) {
    for (const Place& place : places_) {
      if (place.process) place.process->terminate();
    }
    while (running() > 0) {
      for (Place& place : places_) {
        if (place.state == Place::kRunning && place.process->status()) place.state = Place::kToDo;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    progress_.print("interrupted; the same command continues");
    return 128 + signal;
  }

  const Study& study_;
  fs::path out_;
  StudyOptions options_;
  std::vector<StudyRun> runs_;
  std::vector<Place> places_;
  std::vector<StudyResults> elsewhere_;  ///< in the order of options_.with
  std::map<std::string, std::string> inputs_,
      noted_inputs_;  ///< hashes of the study's files now; hashes that runs here began with
  Progress progress_;
  int64_t jobs_ = 1;
  double shown_ = 0;
};

}  // namespace

RunStatus standing_of(const StudyRun& run) {
  RunStatus standing;
  const Recipe& recipe = run.recipe;
  const bool alone = recipe.run.from_stage1.empty() && !recipe.run.from_teacher;
  standing.kimg_total = (alone ? recipe.guidance.stage1_kimg : 0) + recipe.guidance.stage2_kimg;
  if (!has_begun(run)) return standing;
  standing.state = fs::exists(run.folder / "summary.json") ? RunStatus::kDone : RunStatus::kBegun;
  if (standing.state == RunStatus::kDone) standing.kimg = standing.kimg_total;
  if (!fs::exists(run.folder / "log.jsonl")) return standing;
  const RunLog log = read_run_log(run.folder / "log.jsonl");
  const Curve& speed = log.images_per_second;
  if (speed.empty()) return standing;
  for (const CurvePoint& point : speed) standing.images_per_second += point.value / static_cast<double>(speed.size());
  if (standing.state == RunStatus::kBegun) {
    // The first line is written after one tick, whatever kimg the run started from.
    standing.kimg = std::min(standing.kimg_total, log.kimg - speed.front().kimg + recipe.checkpoint_kimg);
  }
  return standing;
}

int run_study(const Study& study, const fs::path& out, const StudyOptions& options) {
  return Runner(study, out, options).run();
}

std::string list_study(const Study& study, const fs::path& out, const StudyOptions& options) {
  std::vector<StudyRun> runs = plan_runs(study, out);
  select_runs(study, runs, options.arms, options.seeds);
  const int64_t jobs = jobs_of(options);
  std::string text;
  double kimg_left = 0, speeds = 0;
  int64_t done = 0, measured = 0, count = 0;
  for (const StudyRun& run : runs) {
    if (!run.selected) continue;
    ++count;
    const RunStatus standing = standing_of(run);
    const char* word = standing.state == RunStatus::kDone    ? "done"
                       : standing.state == RunStatus::kBegun ? "begun"
                                                             : "to do";
    text += fmt::format("{:<40} {:<6} {:g} of {:g} kimg\n", run_name(run), word, standing.kimg, standing.kimg_total);
    kimg_left += standing.kimg_total - standing.kimg;
    done += standing.state == RunStatus::kDone;
    if (standing.images_per_second > 0) {
      speeds += standing.images_per_second;
      ++measured;
    }
  }
  text += fmt::format("{} of {} runs done, {:g} kimg left", done, count, kimg_left);
  if (measured > 0 && kimg_left > 0) {
    const double seconds = kimg_left * 1000 / (speeds / static_cast<double>(measured)) / static_cast<double>(jobs);
    text += fmt::format(", about {} at {} runs at a time and {:.0f} images/s each, evaluation left out",
                        duration_text(seconds), jobs, speeds / static_cast<double>(measured));
  }
  return text;
}

}  // namespace dgl
