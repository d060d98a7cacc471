#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/process_group.h"
#include "dgl/base/torch.h"
#include "dgl/base/workers.h"
#include "dgl/data/sampler.h"
#include "dgl/families/model_file.h"
#include "dgl/guidance/guidance.h"
#include "dgl/run/run_state.h"
#include "dgl/training/networks.h"
#include "dgl/training/phase_recorder.h"

namespace dgl {

/// The random streams of a run.
enum class Stream : uint64_t {
  init = 1,
  data,
  step,
  evaluation,
  grid_latents,
  final_evaluation,
  standing_statistics,
  judges
};

/// A training stage: its length in images and whether guidance is enabled.
struct Stage {
  int64_t number;
  std::string name;  ///< "alone", "guided" or "distill"
  int64_t images;
  double lambda;  ///< of the first teacher, before the schedule
  bool guided;
  bool distills = false;  ///< whether generators learn their teacher's images, in place of all else
};

/// Networks with what trains them.
struct TrainedNetworks {
  NetworkSet networks;
  std::unique_ptr<Objective> objective;
  std::vector<Phase> phases;
  Optimizers optimizers;
};

/// All parts of a training run, as a recipe describes them: data, networks, losses, optimizers, guidance and how far
/// the run has come. Trainer, Evaluator, RunRecorder, Checkpointer and run_stages() each work on what they need of it.
struct TrainingSession {
  Recipe recipe;  ///< with all defaults resolved
  const ProcessGroup* processes = nullptr;
  torch::Device device = torch::kCPU;

  std::vector<std::shared_ptr<const Dataset>> data;  ///< by domain
  std::vector<std::unique_ptr<BatchSampler>> samplers;
  torch::Tensor label_shares;  ///< [classes] share of each label among the real images; undefined without labels

  std::unique_ptr<NetworkSet> teacher;       ///< the first one, that the student is compared with; null for `dgl train`
  std::shared_ptr<Sampler> teacher_sampler;  ///< its sampler; null without a teacher, or if it has none
  Guidance guidance;
  Augmentation augmentation;

  TrainedNetworks student;
  /// The student's generators beside the first teacher's discriminator, which continues to learn
  /// (guidance.train_teacher): its phases are the discriminator's alone. Null if the teacher is frozen.
  std::unique_ptr<TrainedNetworks> taught;

  std::unique_ptr<Workers> workers;
  std::unique_ptr<PhaseRecorder> recorder;  ///< null unless training.cuda_graphs, on a GPU
  std::vector<Stage> stages;
  Schedule lr_schedule;  ///< factor of the learning rates over the images of all stages
  RunState state;
  std::vector<std::string> notes;  ///< what the program decided where the recipe left it open, to be shown

  explicit TrainingSession(const Recipe& recipe);

  const Family& family() const { return recipe.family_info(); }
  /// What teachers have to fit.
  StudentShape student_shape() const { return {recipe.network->image(), recipe.network->labels()}; }
  /// A seed of a random stream; of its k-th use.
  uint64_t seed(Stream stream, uint64_t k = 0) const;
  /// Fresh optimizers of the student, as at the start of a stage.
  void reset_optimizers() { student.optimizers = make_optimizers(recipe, student.networks, student.phases); }
  /// Thousands of images of both stages so far; a run that starts from another's stage 1 has that behind it.
  double run_kimg() const;
  /// Factor of the learning rates for the next step.
  double lr_factor() const;
  const Stage& current_stage() const { return stages.at(static_cast<size_t>(state.stage - 1)); }
  /// Images per second since the last checkpoint.
  double images_per_second() const;
  /// Whether no phase trains a network that makes images.
  bool trains_discriminators_alone() const;
};

/// A teacher's discriminators, each with the student's data domain that it is to judge. Where both have the same
/// domains, each judges its own; else that of the teacher's images judges the student's. Throws Error (naming `file`)
/// if there are none.
std::vector<DomainDiscriminator> judges_of(const TrainingSession& session, const NetworkSet& model,
                                           const std::string& file);

/// Opens data and teachers and builds the student, ready for the first step, on all processes alike. Throws Error if
/// they do not fit each other. Writes nothing. `processes` has to outlive the session.
std::unique_ptr<TrainingSession> make_session(const Recipe& recipe, const ProcessGroup& processes);

}  // namespace dgl
