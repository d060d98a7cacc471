#pragma once

#include <memory>
#include <vector>

#include "dgl/base/process_group.h"
#include "dgl/base/progress.h"
#include "dgl/base/workers.h"
#include "dgl/metrics/sample_statistics.h"
#include "dgl/run/run_directory.h"
#include "dgl/run/run_state.h"
#include "dgl/training/networks.h"
#include "dgl/training/sample_grid.h"

namespace dgl {

/// One stage of a run: for how many images, and whether the teachers speak.
struct Stage {
  int64_t number;
  std::string name;  ///< "alone" or "guided"
  int64_t images;
  double lambda;  ///< of the first teacher; before the schedule
  bool guided;    ///< whether the teachers speak
};

/// Runs the stages of a recipe in a run directory, from its newest checkpoint where there is one. Everything random in
/// step k is drawn from generators seeded by (seed, k), so a run that was cut off anywhere goes on to the same bits. Of
/// several processes all train, each on its share of a batch, and the first one measures and writes.
class Trainer {
 public:
  /// Opens data, teacher and feature network and builds the student. Error where they do not fit each other.
  /// Leaves the run directory untouched.
  Trainer(const Recipe& recipe, bool quiet, const ProcessGroup& processes);
  ~Trainer();

  /// Trains to the end in `directory`, writes model.safetensors and summary.json. Returns 0, or 130 or 143 when a
  /// signal ended it after a checkpoint. Error for a divergence (where the recipe says so) or a disk that fails.
  int run(const RunDirectory& directory);
  /// The recipe with all that was left to the program decided, as it is run.
  const Recipe& recipe() const { return recipe_; }

 private:
  void add_teacher(std::shared_ptr<Discriminator> critic, const TeacherRecipe& how);
  void start(const RunDirectory& directory);
  void step(const Stage& stage);
  void optimize_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                      Adam& optimizer, uint64_t seed, const std::string& prefix);
  void train_teacher(StepInput& input, const std::vector<Batch>& real, uint64_t seed);
  void on_checkpoint(const RunDirectory& directory, const Stage& stage);
  void evaluate_and_log(const RunDirectory& directory, const Stage& stage);
  void end_stage(const RunDirectory& directory, const Stage& stage);
  void handle_divergence(const RunDirectory& directory, const std::string& what);
  void finish(const RunDirectory& directory);
  double measure(Generator& generator, int64_t samples, uint64_t stream);
  void write_samples(const RunDirectory& directory);
  torch::Tensor draw_grid(Generator& generator) const;
  double rate() const;  // images per second since the last tick
  void show_progress(const Stage& stage);
  // Where a run goes on from: trainer_checkpoints.cpp.
  void save(const std::filesystem::path& path);
  void load(const TensorFile& file, const std::string& origin);
  void load_guidance(const TensorFile& file, const std::string& origin);
  void load_newest(const RunDirectory& directory, const std::vector<std::filesystem::path>& paths);
  void spread_weights() const;  // the first process's to all, which may have drawn others on another kind of processor
  void begin_from_stage1();
  void begin_from_teacher();
  const Stage& current_stage() const { return stages_.at(static_cast<size_t>(state_.stage - 1)); }

  const ProcessGroup& processes_;
  Recipe recipe_;
  Progress progress_;
  torch::Device device_;
  std::shared_ptr<const Dataset> data_;
  std::unique_ptr<BatchSampler> sampler_;
  torch::Tensor label_shares_;  // undefined without labels
  SampleGrid grid_;
  std::unique_ptr<Model> teacher_;
  std::shared_ptr<FeatureNetwork> features_;
  FeatureStatistics real_statistics_;
  std::vector<Stage> stages_;
  Guidance guidance_;
  Augmentation augmentation_;
  Model model_;
  std::unique_ptr<Objective> objective_;
  std::vector<Phase> phases_;
  std::unique_ptr<Workers> workers_;
  Optimizers optimizers_;
  Model taught_;  // the student's generator against the teacher's discriminator, where that goes on learning
  std::unique_ptr<Objective> teacher_objective_;
  std::unique_ptr<Adam> teacher_optimizer_;
  RunState state_;
};

/// Starts a run: checks everything, makes the run directory, trains. `overwrite` replaces an earlier run there.
int start_run(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet);
/// Goes on with a run, on `device` or, where that is "auto", on its own; a finished one is left as it is.
int resume_run(const std::filesystem::path& path, const std::string& device, bool quiet);

}  // namespace dgl
