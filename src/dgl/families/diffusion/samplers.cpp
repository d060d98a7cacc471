#include "dgl/families/diffusion/samplers.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

using torch::Tensor;

namespace {

Tensor denoised_at(Denoiser& denoiser, const Tensor& x, double sigma, const Tensor& labels,
                   const Dropout& dropout = {}) {
  return denoiser.denoise(x, torch::full({x.size(0)}, sigma, x.options()), labels, dropout).images;
}

/// The order [numbers] in which latents are the noise of a step.
Tensor noise_order(int64_t step, int64_t numbers) {
  return at::randperm(numbers, at::detail::createCPUGenerator(static_cast<uint64_t>(step)), torch::kLong);
}

/// EDM's algorithm 2 without noise of its own, or its Euler steps alone.
Tensor solve(Denoiser& denoiser, const std::vector<double>& levels, const Condition& condition, bool heun) {
  Tensor x = condition.latents * latent_scale(levels[0], denoiser.shape().precondition);
  for (size_t i = 0; i < levels.size(); ++i) {
    const double sigma = levels[i];
    const Tensor images = denoised_at(denoiser, x, sigma, condition.labels);
    if (i + 1 == levels.size()) return images;  // the step to 0
    const double next = levels[i + 1];
    const Tensor slope = (x - images) / sigma, euler = x + (next - sigma) * slope;
    if (!heun) {
      x = euler;
      continue;
    }
    const Tensor slope_there = (euler - denoised_at(denoiser, euler, next, condition.labels)) / next;
    x = x + (next - sigma) * 0.5 * (slope + slope_there);
  }
  return x;
}

void check_psi(double psi) {
  if (psi != 1) fail("--psi {:g}: a diffusion model has no truncation; expected 1", psi);
}

}  // namespace

Tensor renoise(Denoiser& denoiser, const std::vector<double>& levels, const Tensor& latents, const Tensor& labels,
               const StepNoise& noise, const Dropout& dropout) {
  Tensor x = latents * latent_scale(levels[0], denoiser.shape().precondition);
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    const torch::NoGradGuard no_grad;
    x = denoised_at(denoiser, x, levels[i], labels, dropout) + levels[i + 1] * noise(static_cast<int64_t>(i + 1));
  }
  return denoised_at(denoiser, x, levels.back(), labels, dropout);
}

DiffusionSampler::DiffusionSampler(std::shared_ptr<Denoiser> denoiser)
    : denoiser_(std::move(denoiser)), solver_(denoiser_->shape().solver) {}

SampleSpec DiffusionSampler::spec() const {
  const DenoiserShape& shape = denoiser_->shape();
  return {{shape.img_channels, shape.resolution, shape.resolution}, shape.classes, std::nullopt, shape.image()};
}

void DiffusionSampler::choose_solver(const SolverChoice& choice, const std::string& origin) {
  Solver chosen = solver_;
  if (!choice.name.empty()) chosen.name = choice.name;
  if (choice.steps) chosen.steps = *choice.steps;
  check_solver(chosen, denoiser_->shape().precondition, origin);
  solver_ = chosen;
}

std::vector<SolverChoice> DiffusionSampler::measured_solvers() const {
  return {{"renoise", 1}, {"renoise", 2}, {"euler", 2}, {"renoise", 4},
          {"euler", 4},   {"renoise", 8}, {"euler", 8}, {"heun", 18}};
}

Tensor DiffusionSampler::sample(const Condition& condition, const SampleOptions& options) {
  check_psi(options.psi);
  const std::vector<double> levels = noise_levels(solver_, denoiser_->shape().precondition);
  if (solver_.name != "renoise") return solve(*denoiser_, levels, condition, solver_.name == "heun");
  const Tensor& latents = condition.latents;
  return renoise(*denoiser_, levels, latents, condition.labels, [&](int64_t step) {
    if (options.noise.defined()) return at::randn(latents.sizes(), options.noise, latents.options());
    const Tensor numbers = latents.flatten(1);
    return numbers.index_select(1, noise_order(step, numbers.size(1)).to(latents.device())).view(latents.sizes());
  });
}

std::string DiffusionSampler::to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const {
  check_psi(psi);
  if (solver_.steps > kMostOnnxSteps) {
    fail(
        "a sampler of {} steps is not written as ONNX; expected at most {} (--steps), or the denoiser alone (--network "
        "denoiser)",
        solver_.steps, kMostOnnxSteps);
  }
  const DenoiserShape& shape = denoiser_->shape();
  const std::vector<double> levels = noise_levels(solver_, shape.precondition);
  const auto times = [&](const std::string& name, double factor) {
    return graph.node("Mul", {name, graph.constant("factor", torch::tensor(factor, torch::kFloat))});
  };
  const auto sum = [&](const std::string& a, const std::string& b) { return graph.node("Add", {a, b}); };
  const auto denoised = [&](const std::string& x, double sigma) {
    const Scaling scaling = denoiser_->scaling(torch::tensor({sigma}, torch::kFloat));
    const auto number = [](const Tensor& t) { return static_cast<double>(t.item<float>()); };
    // Times [N] of one value: the latents' first numbers times 0, plus it.
    const std::string count = graph.node("ReduceSum",
                                         {graph.node("Mul", {x, graph.constant("zero", torch::tensor(0.0f))}),
                                          graph.constant("axes", torch::tensor({1, 2, 3}, torch::kLong))},
                                         {{"keepdims", int64_t{0}}});
    const std::string noise = sum(count, graph.constant("c_noise", scaling.noise.reshape({})));
    std::string output;
    {
      const OnnxGraph::Scope scope(graph, "denoiser");
      output = denoiser_->to_onnx(graph, times(x, number(scaling.in)), noise, condition.labels);
    }
    return sum(times(x, number(scaling.skip)), times(output, number(scaling.out)));
  };
  const int64_t numbers = shape.img_channels * shape.resolution * shape.resolution;
  const auto renoised = [&](const std::string& images, size_t step) {
    const auto reshaped = [&](const std::string& x, const std::vector<int64_t>& sizes) {
      return graph.node("Reshape", {x, graph.constant("sizes", torch::tensor(sizes, torch::kLong))});
    };
    const std::string order = graph.constant("order", noise_order(static_cast<int64_t>(step), numbers));
    const std::string noise =
        graph.node("Gather", {reshaped(condition.latents, {0, -1}), order}, {{"axis", int64_t{1}}});
    const std::string maps = reshaped(noise, {0, shape.img_channels, shape.resolution, shape.resolution});
    return sum(images, times(maps, levels[step]));
  };
  std::string x = times(condition.latents, latent_scale(levels[0], shape.precondition));
  for (size_t i = 0;; ++i) {
    const double sigma = levels[i];
    const std::string images = denoised(x, sigma);
    if (i + 1 == levels.size()) return images;
    const double next = levels[i + 1];
    if (solver_.name == "renoise") {
      x = renoised(images, i + 1);
      continue;
    }
    // x + (next - sigma) (x - D) / sigma
    const double kept = next / sigma;
    const std::string euler = sum(times(x, kept), times(images, 1 - kept));
    if (solver_.name == "euler") {
      x = euler;
      continue;
    }
    // The mean of the slopes (x - D) / sigma and (euler - D there) / next, times next - sigma.
    const double half = 0.5 * (next - sigma);
    const std::string here = sum(times(x, 1 + half / sigma), times(images, -half / sigma));
    const std::string there = sum(times(euler, half / next), times(denoised(euler, next), -half / next));
    x = sum(here, there);
  }
}

}  // namespace dgl
