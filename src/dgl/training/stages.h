#pragma once

#include "dgl/training/checkpointer.h"
#include "dgl/training/recorder.h"
#include "dgl/training/trainer.h"

namespace dgl {

/// Runs a session's stages in a run directory from its newest checkpoint, or from the start if it has none: steps, log
/// lines, checkpoints, divergences, signals. Returns 0 at the end of the last stage, or 130 or 143 if a signal ended
/// the run after a checkpoint. Throws DivergenceError if the recipe does not go back from it.
int run_stages(TrainingSession& session, Trainer& trainer, RunRecorder& recorder, const Checkpointer& checkpointer,
               const RunDirectory& directory, Progress& progress);

}  // namespace dgl
