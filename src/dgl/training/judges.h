#pragma once

#include <string>
#include <vector>

#include "dgl/run/run_state.h"
#include "dgl/training/evaluator.h"

namespace dgl {

/// How well discriminators tell real images from the student's: every teacher's, the student's own, and that of
/// `evaluation.held_out_judge`, which no term of training knows. A student that pleases its teachers ever better while
/// the held-out judge tells it as well as before has learned to deceive them.
class Judges {
 public:
  /// Loads the held-out judge, if the recipe names one, and throws Error if it has no discriminator or takes other
  /// images or labels than the data's.
  Judges(const TrainingSession& session, const Evaluator& evaluator);

  /// The scores of all judges on at most kMostImages real images and as many of the student's averages, in each
  /// direction of a model that translates images. Changes nothing of the session. Empty if there are no judges.
  std::vector<JudgeScores> measure() const;

  static constexpr int64_t kMostImages = 1000;

 private:
  /// Those on images of one sampler; `suffix` is added to the judges' names.
  std::vector<JudgeScores> measure(Sampler& sampler, Evaluator::Domains domains, const std::string& suffix) const;

  const TrainingSession& session_;
  const Evaluator& evaluator_;
  std::vector<DomainDiscriminator> held_out_;  ///< empty without one
};

/// "teacher 0.84, own 0.91": the areas under the ROC curves.
std::string judges_text(const std::vector<JudgeScores>& judges);

}  // namespace dgl
