#include "dgl/optim/adam.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/parallel.h"
#include "dgl/ops/adam_update.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl {

AdamOptions AdamOptions::corrected_for(int64_t interval) const {
  const double c = static_cast<double>(interval) / static_cast<double>(interval + 1);
  return {lr * c, std::pow(beta1, c), std::pow(beta2, c), epsilon};
}

Adam::Adam(torch::nn::Module& module, AdamOptions options) : options_(options) {
  for (auto& item : module.named_parameters()) {
    slots_.push_back({item.key(), item.value(), torch::zeros_like(item.value()), torch::zeros_like(item.value())});
  }
}

bool Adam::is_plain(const Slot& slot) const {
  return slot.parameter.device().is_cpu() && !ops::gpu::emulated() && slot.parameter.scalar_type() == torch::kFloat &&
         slot.parameter.is_contiguous();
}

double Adam::gradient_norm(Workers& workers) const {
  if (std::none_of(slots_.begin(), slots_.end(), [this](const Slot& slot) { return is_plain(slot); }))
    return gradient_norm_at_once();
  // Each square has its own element, so that the order of the sum is fixed.
  std::vector<double> squares(slots_.size(), 0);
  workers.parallel_for(static_cast<int64_t>(slots_.size()), [&](int64_t first, int64_t last) {
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
      const torch::Tensor& g = slots_[i].parameter.grad();
      if (g.defined()) squares[i] = std::pow(g.norm().item<double>(), 2);
    }
  });
  double sum = 0;
  for (const double square : squares) sum += square;
  return std::sqrt(sum);
}

double Adam::gradient_norm_at_once() const {
  std::vector<torch::Tensor> gradients;
  for (const auto& slot : slots_) {
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  }
  return gradients.empty() ? 0 : at::stack(at::_foreach_norm(gradients)).norm().item<double>();
}

void Adam::step(Workers& workers, double rate, double scale) {
  torch::NoGradGuard no_grad;
  ++steps_;
  AdamOptions options = options_;
  options.lr *= rate;
  const double correction1 = 1 - std::pow(options.beta1, static_cast<double>(steps_));
  const double correction2 = 1 - std::pow(options.beta2, static_cast<double>(steps_));
  const ops::AdamNumbers numbers{.beta1 = static_cast<float>(options.beta1),
                                 .beta2 = static_cast<float>(options.beta2),
                                 .rate = static_cast<float>(options.lr / correction1),
                                 .scale = static_cast<float>(1 / std::sqrt(correction2)),
                                 .epsilon = static_cast<float>(options.epsilon)};
  if (step_on_gpu(numbers, static_cast<float>(scale))) return;
  for (auto& slot : slots_) {
    const torch::Tensor& g = slot.parameter.grad();
    if (!g.defined()) continue;
    if (scale != 1) slot.parameter.mutable_grad() = g * scale;
    if (is_plain(slot)) slot.parameter.mutable_grad() = slot.parameter.grad().contiguous();
  }
  step_at_once(options, correction1, correction2);
  workers.run([&](int64_t worker) {
    for (auto& slot : slots_) {
      if (!is_plain(slot)) continue;
      float *p = slot.parameter.data_ptr<float>(), *m = slot.m.data_ptr<float>(), *v = slot.v.data_ptr<float>();
      const torch::Tensor& g = slot.parameter.grad();
      const float* gradient = g.defined() ? g.data_ptr<float>() : nullptr;
      const int64_t n = slot.parameter.numel(), count = workers.count();
      parallel_for(n * worker / count, n * (worker + 1) / count, 65536, [&](int64_t first, int64_t last) {
        ops::adam_update(p + first, m + first, v + first, gradient ? gradient + first : nullptr, last - first, numbers);
      });
    }
  });
}

bool Adam::step_on_gpu(const ops::AdamNumbers& numbers, float scale) {
  std::vector<ops::gpu::AdamTensors> tensors;
  for (auto& slot : slots_) {
    const bool fits = ops::gpu::runs(slot.parameter) && slot.parameter.scalar_type() == torch::kFloat &&
                      slot.parameter.is_contiguous();
    if (!fits) return false;
    torch::Tensor g = slot.parameter.grad();
    if (g.defined()) g = g.contiguous();
    tensors.push_back({slot.parameter, slot.m, slot.v, g});
  }
  ops::gpu::adam(tensors, numbers, scale);
  return true;
}

void Adam::step_at_once(const AdamOptions& options, double correction1, double correction2) {
  std::vector<torch::Tensor> parameters, m, v, gradients;
  for (const auto& slot : slots_) {
    if (is_plain(slot)) continue;
    const torch::Tensor& g = slot.parameter.grad();
    parameters.push_back(slot.parameter);
    m.push_back(slot.m);
    v.push_back(slot.v);
    gradients.push_back(g.defined() ? g : torch::zeros_like(slot.parameter));
  }
  if (parameters.empty()) return;
  at::_foreach_mul_(m, options.beta1);
  at::_foreach_add_(m, gradients, 1 - options.beta1);
  at::_foreach_mul_(v, options.beta2);
  at::_foreach_addcmul_(v, gradients, gradients, 1 - options.beta2);
  auto denominators = at::_foreach_sqrt(v);
  at::_foreach_div_(denominators, std::sqrt(correction2));
  at::_foreach_add_(denominators, options.epsilon);
  at::_foreach_addcdiv_(parameters, m, denominators, -options.lr / correction1);
}

void Adam::put(TensorFile& file, const std::string& prefix) const {
  for (const auto& slot : slots_) {
    file.tensors[prefix + "m." + slot.name] = slot.m;
    file.tensors[prefix + "v." + slot.name] = slot.v;
  }
  file.tensors[prefix + "steps"] = torch::tensor(steps_, torch::kLong);
}

void Adam::get(const TensorFile& file, const std::string& prefix, const std::string& origin) {
  torch::NoGradGuard no_grad;
  for (auto& slot : slots_) {
    for (auto [kind, target] : {std::pair{"m.", &slot.m}, std::pair{"v.", &slot.v}}) {
      const torch::Tensor& stored = file.at(prefix + kind + slot.name, origin);
      if (stored.sizes() != target->sizes())
        fail("{}: tensor {}{}{} has another shape than its parameter", origin, prefix, kind, slot.name);
      target->copy_(stored);
    }
  }
  const torch::Tensor& steps = file.at(prefix + "steps", origin);
  if (steps.numel() != 1) fail("{}: tensor {}steps: expected one number", origin, prefix);
  steps_ = steps.item<int64_t>();
}

}  // namespace dgl
