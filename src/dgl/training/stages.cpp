#include "dgl/training/stages.h"

#include <cstdint>
#include <optional>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/interrupt.h"
#include "dgl/base/processor_time.h"
#include "dgl/base/runtime.h"
#include "dgl/training/continuation.h"

namespace dgl {

namespace {

constexpr int64_t kMaxRetries = 3;

void start(TrainingSession& session, const Checkpointer& checkpointer, const RunDirectory& directory,
           Progress& progress) {
  const ProcessGroup& processes = *session.processes;
  const auto paths = directory.resume_points();
  processes.barrier();  // all have looked before the first one writes
  if (!paths.empty()) {
    checkpointer.load_newest(directory, paths, progress);
    reopen_last_stage(session);
  } else {
    if (processes.is_root()) directory.truncate_log(0);
    checkpointer.save(directory.checkpoint(session.state.step));
  }
  if (const int64_t furthest = processes.all_reduce_max(session.state.step); furthest != session.state.step) {
    fail("{}: this process finds step {} there, another one step {}: expected one folder for all",
         directory.path().string(), session.state.step, furthest);
  }
}

void handle_divergence(TrainingSession& session, const Checkpointer& checkpointer, const RunDirectory& directory,
                       Progress& progress, const std::string& what) {
  const std::string folder = directory.path().string();
  if (session.recipe.on_divergence != "restore") {
    throw DivergenceError(fmt::format(
        "{}: training diverged: {}; the last checkpoint is kept (training.on_divergence = \"restore\" goes back to it)",
        folder, what));
  }
  const int64_t retries = session.state.retries + 1;
  if (retries > kMaxRetries) {
    throw DivergenceError(fmt::format("{}: training diverged {} times, now: {}", folder, retries, what));
  }
  progress.print(fmt::format("training diverged: {}; going back to the last checkpoint", what));
  // Not to that of an interrupt: when an interrupt came must not decide the result.
  checkpointer.load_newest(directory, directory.checkpoints(), progress);
  session.state.retries = retries;
}

/// Adds the stage's record at its first step, where judges are asked for the first time. A stage after the first then
/// starts Adam afresh, unless the recipe keeps it. What ends a stage saves the moments, so that this is decided by the
/// run that begins the next one.
void begin_stage(TrainingSession& session, RunRecorder& recorder, const Stage& stage) {
  RunState& state = session.state;
  if (stage.number > 1 && !session.recipe.guidance.keep_optimizer) session.reset_optimizers();
  StageRecord record;
  record.stage = stage.number;
  record.name = stage.name;
  record.lambda = stage.lambda;
  record.kimg_start = record.kimg_end = static_cast<double>(state.images) / 1000;
  state.stages.push_back(record);
  recorder.ask_judges(stage, /*at_end=*/false);
}

void end_stage(TrainingSession& session, const Checkpointer& checkpointer, const RunDirectory& directory,
               const Stage& stage) {
  ++session.state.stage;
  session.state.stage_images = 0;
  session.state.ticks = 0;
  checkpointer.save(directory.stage_end(stage.number));
}

}  // namespace

int run_stages(TrainingSession& session, Trainer& trainer, RunRecorder& recorder, const Checkpointer& checkpointer,
               const RunDirectory& directory, Progress& progress) {
  InterruptGuard interrupts;
  start(session, checkpointer, directory, progress);
  const Recipe& recipe = session.recipe;
  RunState& state = session.state;
  const auto finished = [&] { return state.stage > static_cast<int64_t>(session.stages.size()); };
  double last = now_seconds(), last_processor = processor_seconds();
  while (!finished()) {
    const Stage& stage = session.current_stage();
    if (static_cast<int64_t>(state.stages.size()) < state.stage) {
      begin_stage(session, recorder, stage);
      last = now_seconds();
      last_processor = processor_seconds();
    }
    if (state.stage_images < stage.images) {
      try {
        trainer.step(stage);
      } catch (const DivergenceError& error) {
        handle_divergence(session, checkpointer, directory, progress, error.what());
        continue;
      }
      const double now = now_seconds(), processor = processor_seconds();
      // On a GPU the processor only hands out work.
      state.add_time(now - last,
                     session.device.is_cpu() ? std::optional<double>(processor - last_processor) : std::nullopt);
      last = now;
      last_processor = processor;
      recorder.show_progress(stage);
    }
    const bool done = state.stage_images >= stage.images;
    const auto ticks = static_cast<int64_t>(static_cast<double>(state.stage_images) / (recipe.checkpoint_kimg * 1000));
    const bool due = ticks > state.ticks;
    if (due || done) {
      state.ticks = ticks;
      if (state.tick_images > 0) recorder.on_checkpoint(stage);
      if (done) recorder.ask_judges(stage, /*at_end=*/true);
      if (done) end_stage(session, checkpointer, directory, stage);
      checkpointer.save(directory.checkpoint(state.step));
      if (session.processes->is_root()) directory.prune(recipe.checkpoint_keep);
      last = now_seconds();
      last_processor = processor_seconds();
    }
    const auto signal = static_cast<int>(session.processes->all_reduce_max(InterruptGuard::received()));
    if (signal && !finished()) {
      if (!due && !done) checkpointer.save(directory.interrupted());
      progress.print(fmt::format("interrupted; `dgl resume {}` continues", directory.path().string()));
      return 128 + signal;
    }
  }
  return 0;
}

}  // namespace dgl
