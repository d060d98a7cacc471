#pragma once

#include "dgl/base/progress.h"
#include "dgl/base/torch.h"
#include "dgl/run/run_directory.h"
#include "dgl/run/run_log.h"
#include "dgl/training/evaluator.h"
#include "dgl/training/judges.h"
#include "dgl/training/sample_grid.h"

namespace dgl {

/// Writes what a run leaves for people: log lines, sample grids, the best and the final model, summary and report; and
/// shows its progress. Only the root process's writes anything.
class RunRecorder {
 public:
  RunRecorder(TrainingSession& session, const RunDirectory& directory, const Evaluator& evaluator, const Judges& judges,
              Progress& progress);

  /// Shows one line on a terminal.
  void show_progress(const Stage& stage);
  /// Asks all judges about the student at the start of a guided stage, or at its end.
  void ask_judges(const Stage& stage, bool at_end);
  /// Measures the average, keeps it if it is the best so far, writes samples and a log line, and starts the figures
  /// between log lines anew.
  void on_checkpoint(const Stage& stage);
  /// Measures the best model over the final number of samples and writes model, summary and report.
  void finish();

 private:
  void evaluate_and_log(const Stage& stage);
  /// Enters a measured distance into the state. Returns whether it is the best so far.
  bool note_distance(double distance, double kimg, const Stage& stage);
  void save_best(const LogLine& line);
  void write_samples(Sampler& sampler);
  torch::Tensor draw_grid(Sampler& sampler) const;

  TrainingSession& session_;
  const RunDirectory& directory_;
  const Evaluator& evaluator_;
  const Judges& judges_;
  Progress& progress_;
  SampleGrid grid_;
};

}  // namespace dgl
