#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/training/session.h"

namespace dgl {

/// Takes training steps. All random numbers of step k are drawn from generators seeded by (seed, k), so that a run
/// which was cut off anywhere continues to the same bits. If there are several processes, each works on its share of a
/// batch.
class Trainer {
 public:
  explicit Trainer(TrainingSession& session) : session_(session) {}

  /// One step of a stage: every phase that is due, the teacher's if it learns too, and the averages; counts it in the
  /// session's state. Throws DivergenceError.
  void step(const Stage& stage);

 private:
  /// Chooses the stage's phases and sets the optimizers to what they are corrected for.
  void begin(const Stage& stage);
  StepInput make_input(const Stage& stage) const;
  /// The step's batches of real images: [batch of the step][domain].
  std::vector<std::vector<Batch>> draw_batches(int64_t count) const;
  void optimize_phase(TrainedNetworks& trained, const Phase& phase, const StepInput& input, uint64_t seed,
                      const std::string& prefix);
  void train_teacher(StepInput& input, const std::vector<std::vector<Batch>>& real, uint64_t seed);
  void update_averages(int64_t images);

  TrainingSession& session_;
  int64_t stage_ = 0;          ///< number of the stage that all is set to
  std::vector<Phase> phases_;  ///< of the student, in that stage
};

}  // namespace dgl
