#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dgl/base/progress.h"
#include "dgl/base/torch.h"
#include "dgl/run/event_log.h"
#include "dgl/run/run_directory.h"
#include "dgl/run/run_log.h"
#include "dgl/training/evaluator.h"
#include "dgl/training/judges.h"
#include "dgl/training/sample_grid.h"

namespace dgl {

/// Writes what a run leaves for people: log lines, sample grids, both of them as events for TensorBoard too, the best
/// and the final model, summary and report; and shows its progress. Only the root process's writes anything.
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
  /// The name of the sample grid that belongs to the images seen so far.
  std::string grid_name() const;
  /// Adds a log line and its sample grid to the events, and what stands beside all grids when they begin.
  void write_events(const LogLine& line);
  /// translators_of() a model in a run that translates images; else none.
  std::vector<Translator> translators(const NetworkSet& model, const std::string& file) const;
  /// The grid of a model: of one that translates images, translation_rows() in each direction, else what its sampler
  /// makes.
  torch::Tensor draw_grid(const NetworkSet& model, const std::string& file, Sampler& sampler) const;
  /// Real images in as many rows, of all domains that are translated.
  torch::Tensor real_grid() const;
  /// What the rows of a model's grid show; nothing if they are all alike.
  std::vector<std::string> grid_rows(const NetworkSet& model, const std::string& file) const;
  /// All measures of a finished model; nothing if there is nothing to measure by.
  std::optional<FinalMeasures> measure(const NetworkSet& model, const std::string& file, Sampler& sampler,
                                       const Evaluator::RealSets& real) const;
  std::optional<FinalMeasures> measure_teacher(const SampleSpec& own, const Evaluator::RealSets& real) const;

  TrainingSession& session_;
  const RunDirectory& directory_;
  const Evaluator& evaluator_;
  const Judges& judges_;
  Progress& progress_;
  SampleGrid grid_;
  EventLog events_;
};

}  // namespace dgl
