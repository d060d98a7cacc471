#pragma once

#include <map>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/guidance/weight.h"

namespace dgl {

/// Scales the teacher's gradient on the image to that of the student's own discriminator, so that lambda is the
/// fraction of it that the teacher adds, whatever the scale of its scores:
///
///     w = min(a / b, bound),   a, b: running means of |d L_own / d x| and |d L_teacher / d x| over steps
///
/// |.| is the mean over the images x of the norm of their gradient; or, on the last layer, the norm of the gradient on
/// the weight of the generator's last layer, as in VQGAN's adaptive weight (arXiv 2012.09841, eq. 7). Without decay, a
/// and b are those of the step at hand, as they are there. Costs one more pass backward through each of the two
/// discriminators.
class GradientWeight : public Weight {
 public:
  /// Where gradients are compared.
  enum class On { image, last_layer };
  /// `decay` in 0 … 1 of the running means, `bound` above 0 of the weight.
  GradientWeight(On on, double decay, double bound);
  /// Throws Error on the last layer if the input has none.
  torch::Tensor evaluate(const WeightInput& input, std::map<std::string, torch::Tensor>& statistics) const override;
  void update_statistics(const std::map<std::string, torch::Tensor>& statistics) override;
  std::map<std::string, torch::Tensor> state() const override;

 private:
  On on_;
  double decay_, bound_;
  torch::Tensor own_, teacher_;  ///< running means from 0 on; their ratio needs no correction for that
};

}  // namespace dgl
