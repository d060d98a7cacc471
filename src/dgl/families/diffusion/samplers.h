#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dgl/families/diffusion/denoiser.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Noise [N, C, R, R] that the step with this number adds.
using StepNoise = std::function<torch::Tensor(int64_t step)>;

/// Images that a denoiser makes in `levels.size()` steps of renoise: x_0 is the latents times latent_scale() of the
/// first level, x_{j+1} = D(x_j; sigma_j) + sigma_{j+1} noise(j + 1), and the last D is the image. Gradients reach the
/// denoiser through its last call alone, so that a step of training may judge the images of any number of steps for the
/// memory of one (Yin et al. 2024, arXiv 2405.14867, section 4.4). Latents are [N, C, R, R].
torch::Tensor renoise(Denoiser& denoiser, const std::vector<double>& levels, const torch::Tensor& latents,
                      const torch::Tensor& labels, const StepNoise& noise, const Dropout& dropout = {});

/// Draws images from latents [C, R, R], which are the initial noise over its level, by the solver of the denoiser's
/// settings or another. The fresh noise of a renoise solver is drawn from SampleOptions::noise; without one, that of
/// step j is the image's own latents in another order, a permutation of their C R R numbers that is drawn from the seed
/// j. It is as normal as they are, differs from image to image, and images are a function of the condition. psi has to
/// be 1.
class DiffusionSampler : public Sampler {
 public:
  explicit DiffusionSampler(std::shared_ptr<Denoiser> denoiser);

  SampleSpec spec() const override;
  void choose_solver(const SolverChoice& choice, const std::string& origin) override;
  std::vector<SolverChoice> measured_solvers() const override;
  int64_t calls() const override { return solver_.name == "heun" ? 2 * solver_.steps - 1 : solver_.steps; }
  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override;
  /// The steps one behind the other, at most kMostOnnxSteps. Throws Error for more.
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double psi) const override;
  Network& network() override { return *denoiser_; }

  const Solver& solver() const { return solver_; }
  static constexpr int64_t kMostOnnxSteps = 8;

 private:
  std::shared_ptr<Denoiser> denoiser_;
  Solver solver_;
};

}  // namespace dgl
