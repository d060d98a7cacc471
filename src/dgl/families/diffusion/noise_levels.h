#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

// Noise levels and solvers of diffusion models, in the terms of Karras et al. 2022 (arXiv 2206.00364): a noisy image is
// y + sigma n, n normal.

/// What a network of a denoiser predicts, and how its inputs and outputs are scaled.
enum class Precondition {
  edm,  ///< EDM's (table 1, last column), with images of standard deviation 0.5
  eps,  ///< DDPM's: the noise n, at one of 1000 times
};

/// "edm" or "eps". Throws Error that names `key` for another word.
Precondition parse_precondition(const std::string& text, const std::string& key);
const char* to_text(Precondition precondition);

/// The factors of D(x; sigma) = c_skip x + c_out F(c_in x; c_noise), each [N] float32:
///
///              edm                                          eps
///     c_skip   sd^2 / (sigma^2 + sd^2), sd = 0.5             1
///     c_out    sigma sd / sqrt(sigma^2 + sd^2)               -sigma
///     c_in     1 / sqrt(sigma^2 + sd^2)                      1 / sqrt(1 + sigma^2)
///     c_noise  `noise_factor` ln sigma                       the time whose noise level is nearest
struct Scaling {
  torch::Tensor skip, out, in, noise;
};
Scaling scaling_of(Precondition precondition, const torch::Tensor& sigma, double noise_factor);

/// Standard deviation of images that EDM's factors assume.
constexpr double kDataDeviation = 0.5;
/// Number of DDPM's times.
constexpr int64_t kTimes = 1000;
/// The noise levels of DDPM's times, ascending from 0.01 to 157: sqrt((1 - abar_t) / abar_t), abar_t the product of
/// 1 - beta_s for s <= t, beta linear from 1e-4 to 2e-2 (Ho et al. 2020, arXiv 2006.11239, section 4).
const std::vector<double>& ddpm_noise_levels();

/// How images are drawn from a model.
struct Solver {
  std::string name = "heun";    ///< one of solver_names()
  int64_t steps = 18;           ///< noise levels
  std::string grid = "karras";  ///< one of grid_names(): where these levels are
};

/// heun, EDM's algorithm 2 without noise of its own, 2 steps - 1 calls; euler, which is DDIM with eta 0, as many calls
/// as steps; renoise, which denoises and adds fresh noise of the next level, as consistency models and GANs do.
std::vector<std::string> solver_names();
/// karras: sigma = (max^(1/7) + f (min^(1/7) - max^(1/7)))^7, f = i / (steps - 1), from 80 to 0.002 or, for `eps`, over
/// all of DDPM's levels; f = i / steps for renoise. uniform, quad: DDPM's times of ermongroup/ddim, for `eps` alone:
/// i floor(1000 / steps), and floor(linspace(0, sqrt(800), steps)^2).
std::vector<std::string> grid_names();

/// Throws Error (naming `origin`) for an unknown name, steps outside 1 … 1000, or a grid that does not fit.
void check_solver(const Solver& solver, Precondition precondition, const std::string& origin);

/// The noise levels of a solver, descending, without the 0 that follows. A renoise solver with k steps that begins at
/// 80 has, for k = 4, 80, 17.5, 2.5 and 0.17.
std::vector<double> noise_levels(const Solver& solver, Precondition precondition);

/// By which normal latents are multiplied to be the noisy images of the first level: sigma; for `eps`
/// sqrt(1 + sigma^2), so that the network sees the latents themselves, as in DDPM.
double latent_scale(double sigma, Precondition precondition);

}  // namespace dgl
