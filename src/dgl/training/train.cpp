#include "dgl/training/train.h"

#include <algorithm>
#include <memory>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/training/stages.h"

namespace dgl {

namespace {

/// Trains a session to its end in a run directory.
int run_session(TrainingSession& session, const Evaluator& evaluator, const Judges& judges,
                const RunDirectory& directory, Progress& progress) {
  Trainer trainer(session);
  RunRecorder recorder(session, directory, evaluator, judges, progress);
  const Checkpointer checkpointer(session);
  const int status = run_stages(session, trainer, recorder, checkpointer, directory, progress);
  if (status == 0 && session.processes->is_root()) recorder.finish();
  return status;
}

/// Throws Error if the packed sets are not those that the run began with, or says so if they were named anew.
void check_data(TrainingSession& session, const RunChanges& changes, const std::string& origin, Progress& progress) {
  std::string& known = session.recipe.run.fingerprint;
  if (known.empty()) return;  // an earlier version began it
  const std::string now = fingerprint_of(session.recipe);
  if (now == known) return;
  if (changes.data.empty() && changes.data_b.empty()) {
    fail("{}: {} is another set than the run began with; --data names it if that is meant", origin,
         fmt::join(session.recipe.data_files(), " or "));
  }
  progress.print("the run continues on another set of images than it began with");
  known = now;
}

/// Writes a changed recipe into a run once its newest checkpoint fits it, and opens a finished run for more images.
void change_run(TrainingSession& session, const Recipe& before, const RunDirectory& directory, Progress& progress) {
  const auto paths = directory.resume_points();
  session.processes->barrier();  // all have looked before the first one writes
  const Checkpointer checkpointer(session);
  if (!paths.empty()) {
    checkpointer.load_newest(directory, paths, progress);
    reopen_last_stage(session);
    if (session.state.stage > static_cast<int64_t>(session.stages.size())) {
      fail("{}: is done after {} kimg; --kimg continues it for longer", directory.path().string(),
           static_cast<double>(session.state.images) / 1000);
    }
  }
  Recipe& recipe = session.recipe;
  const auto differences = recipe_differences(before, recipe);
  for (const std::string& line : differences) progress.print("changed: " + line);
  if (recipe.lr_schedule != "constant" && std::any_of(differences.begin(), differences.end(), [](const auto& line) {
        return line.find("kimg ") != std::string::npos;
      })) {
    progress.print("training.lr_schedule is over the new length, so that rates go on from where it is there by now");
  }
  if (!session.processes->is_root()) return;
  if (!differences.empty()) {
    recipe.run.changes += fmt::format("{}at {} kimg: {}", recipe.run.changes.empty() ? "" : "; ",
                                      static_cast<double>(session.state.images) / 1000, fmt::join(differences, ", "));
  }
  write_file(directory.path() / "recipe.toml", recipe_toml(recipe));
  if (paths.empty()) return;
  std::filesystem::remove(directory.summary());
}

}  // namespace

int start_run(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet) {
  const auto processes = ProcessGroup::of_environment();
  const auto session = make_session(recipe, *processes);
  Progress progress(quiet || !processes->is_root());
  for (const std::string& note : session->notes) progress.print(note);
  const Evaluator evaluator(*session, [&](const std::string& line) { progress.print(line); });
  const Judges judges(*session, evaluator);
  session->recipe.run.fingerprint = fingerprint_of(session->recipe);
  std::unique_ptr<FolderLock> lock;
  if (processes->is_root()) lock = RunDirectory::create(out, session->recipe, overwrite).lock();
  processes->barrier();
  return run_session(*session, evaluator, judges, RunDirectory::open(out), progress);
}

int resume_run(const std::filesystem::path& path, const std::string& device, bool quiet, const RunChanges& changes) {
  const RunDirectory directory = RunDirectory::open(path);
  const Recipe before = directory.recipe();
  Recipe recipe = changed_recipe(before, changes);
  if (device != "auto") recipe.run.device = device;
  if (recipe.family_info().is_feature_network()) {
    fail("{}: the run of a {}, which keeps no checkpoints; `dgl train --overwrite` makes it anew", path.string(),
         recipe.family);
  }
  if (std::filesystem::exists(directory.summary()) && !changes.any()) {
    if (!quiet) fmt::print("{} is done: {}; --kimg continues it\n", path.string(), directory.model().string());
    return 0;
  }
  const auto processes = ProcessGroup::of_environment();
  const auto lock = processes->is_root() ? directory.lock() : nullptr;
  for (const std::string& file : recipe.data_files()) {
    if (!file.empty() && !std::filesystem::exists(file)) {
      fail("{}: is not there any more; `dgl resume {} --data FILE` says where it lies now", file, path.string());
    }
  }
  const auto session = make_session(recipe, *processes);
  Progress progress(quiet || !processes->is_root());
  check_data(*session, changes, path.string(), progress);
  const Evaluator evaluator(*session, [&](const std::string& line) { progress.print(line); });
  const Judges judges(*session, evaluator);
  if (changes.any()) change_run(*session, before, directory, progress);
  return run_session(*session, evaluator, judges, directory, progress);
}

}  // namespace dgl
