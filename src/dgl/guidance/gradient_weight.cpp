#include "dgl/guidance/gradient_weight.h"

#include <map>
#include <string>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

Tensor gradient_norm(const Tensor& loss, const Tensor& images) {
  const Tensor gradient = torch::autograd::grad({loss}, {images}, {}, /*retain_graph=*/true)[0];
  return gradient.square().sum({1, 2, 3}).sqrt().mean();
}

}  // namespace

GradientWeight::GradientWeight(double decay, double bound)
    : decay_(decay), bound_(bound), own_(at::zeros({})), teacher_(at::zeros({})) {}

Tensor GradientWeight::evaluate(const WeightInput& input, std::map<std::string, Tensor>& statistics) const {
  const Tensor own = gradient_norm(input.own_loss, input.fake), teacher = gradient_norm(input.loss, input.fake);
  statistics["own"] = own;
  statistics["teacher"] = teacher;
  const Tensor tracked = own_.to(own.device()), other = teacher_.to(own.device());
  const bool first = teacher_.item<double>() == 0;
  // 0 / 0, a teacher without any gradient, is no reason for a weight that is not a number.
  const Tensor ratio = first ? own / teacher : tracked / other;
  return ratio.nan_to_num(0.0, bound_).clamp_max(bound_);
}

void GradientWeight::update_statistics(const std::map<std::string, Tensor>& statistics) {
  own_.lerp_(statistics.at("own").to(own_), 1 - decay_);
  teacher_.lerp_(statistics.at("teacher").to(teacher_), 1 - decay_);
}

std::map<std::string, Tensor> GradientWeight::state() const { return {{"own", own_}, {"teacher", teacher_}}; }

}  // namespace dgl
