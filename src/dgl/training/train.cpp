#include "dgl/training/train.h"

#include <memory>
#include <string>

#include "dgl/base/error.h"
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

}  // namespace

int start_run(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet) {
  const auto processes = ProcessGroup::of_environment();
  const auto session = make_session(recipe, *processes);
  Progress progress(quiet || !processes->is_root());
  for (const std::string& note : session->notes) progress.print(note);
  const Evaluator evaluator(*session, [&](const std::string& line) { progress.print(line); });
  const Judges judges(*session, evaluator);
  std::unique_ptr<FolderLock> lock;
  if (processes->is_root()) lock = RunDirectory::create(out, session->recipe, overwrite).lock();
  processes->barrier();
  return run_session(*session, evaluator, judges, RunDirectory::open(out), progress);
}

int resume_run(const std::filesystem::path& path, const std::string& device, bool quiet) {
  const RunDirectory directory = RunDirectory::open(path);
  Recipe recipe = directory.recipe();
  if (device != "auto") recipe.run.device = device;
  if (recipe.family_info().is_feature_network()) {
    fail("{}: the run of a {}, which keeps no checkpoints; `dgl train --overwrite` makes it anew", path.string(),
         recipe.family);
  }
  if (std::filesystem::exists(directory.summary())) {
    if (!quiet) fmt::print("{} is done: {}\n", path.string(), directory.model().string());
    return 0;
  }
  const auto processes = ProcessGroup::of_environment();
  const auto lock = processes->is_root() ? directory.lock() : nullptr;
  const auto session = make_session(recipe, *processes);
  Progress progress(quiet || !processes->is_root());
  const Evaluator evaluator(*session, [&](const std::string& line) { progress.print(line); });
  const Judges judges(*session, evaluator);
  return run_session(*session, evaluator, judges, directory, progress);
}

}  // namespace dgl
