#include "dgl/guidance/gradient_weight.h"

#include <map>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

Tensor gradient_norm(const Tensor& loss, const Tensor& of, GradientWeight::On on) {
  const Tensor gradient = torch::autograd::grad({loss}, {of}, {}, /*retain_graph=*/true)[0];
  if (on == GradientWeight::On::last_layer) return gradient.norm();
  return gradient.square().sum({1, 2, 3}).sqrt().mean();
}

}  // namespace

GradientWeight::GradientWeight(On on, double decay, double bound)
    : on_(on), decay_(decay), bound_(bound), own_(at::zeros({})), teacher_(at::zeros({})) {}

Tensor GradientWeight::evaluate(const WeightInput& input, std::map<std::string, Tensor>& statistics) const {
  const Tensor& of = on_ == On::image ? input.fake : input.last_weight;
  if (!of.defined()) fail("guidance weight last_layer: the student's generator does not tell which layer is its last");
  const Tensor own = gradient_norm(input.own_loss, of, on_), teacher = gradient_norm(input.loss, of, on_);
  statistics["own"] = own;
  statistics["teacher"] = teacher;
  const Tensor tracked = own_.to(own.device()), other = teacher_.to(own.device());
  const bool at_hand = decay_ == 0 || teacher_.item<double>() == 0;
  // 0 / 0, a teacher without any gradient, is no reason for a weight that is not a number.
  const Tensor ratio = at_hand ? own / teacher : tracked / other;
  return ratio.nan_to_num(0.0, bound_).clamp_max(bound_);
}

void GradientWeight::update_statistics(const std::map<std::string, Tensor>& statistics) {
  own_.lerp_(statistics.at("own").to(own_), 1 - decay_);
  teacher_.lerp_(statistics.at("teacher").to(teacher_), 1 - decay_);
}

std::map<std::string, Tensor> GradientWeight::state() const { return {{"own", own_}, {"teacher", teacher_}}; }

}  // namespace dgl
