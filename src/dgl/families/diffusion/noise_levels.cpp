#include "dgl/families/diffusion/noise_levels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kLeastSigma = 0.002, kMostSigma = 80;  // EDM's
constexpr double kGridPower = 7;

std::vector<double> compute_ddpm_noise_levels() {
  constexpr double kFirstBeta = 1e-4, kLastBeta = 2e-2;
  std::vector<double> levels;
  double product = 1;
  for (int64_t t = 0; t < kTimes; ++t) {
    product *= 1 - (kFirstBeta + (kLastBeta - kFirstBeta) * static_cast<double>(t) / (kTimes - 1));
    levels.push_back(std::sqrt((1 - product) / product));
  }
  return levels;
}

/// DDPM's times of an index grid, ascending. The square roots are rounded as numpy's linspace rounds them, since their
/// squares are cut to whole numbers.
std::vector<int64_t> grid_times(const Solver& solver) {
  const double last = std::sqrt(0.8 * kTimes),
               step = last / static_cast<double>(std::max<int64_t>(1, solver.steps - 1));
  std::vector<int64_t> times;
  for (int64_t i = 0; i < solver.steps; ++i) {
    if (solver.grid == "uniform") {
      times.push_back(i * (kTimes / solver.steps));
    } else {
      const double root = i > 0 && i + 1 == solver.steps ? last : static_cast<double>(i) * step;
      times.push_back(static_cast<int64_t>(root * root));
    }
  }
  return times;
}

/// The time whose noise level is nearest, [N] float32.
Tensor nearest_time(const Tensor& sigma) {
  const Tensor levels = torch::tensor(ddpm_noise_levels(), torch::kFloat).to(sigma.device());
  const Tensor above = at::searchsorted(levels, sigma.contiguous()).clamp(1, kTimes - 1), below = above - 1;
  const Tensor nearer = sigma - levels.index_select(0, below) <= levels.index_select(0, above) - sigma;
  return at::where(nearer, below, above).to(torch::kFloat);
}

}  // namespace

Precondition parse_precondition(const std::string& text, const std::string& key) {
  if (text == "edm") return Precondition::edm;
  if (text == "eps") return Precondition::eps;
  fail("{} = \"{}\": expected edm or eps", key, text);
}

const char* to_text(Precondition precondition) { return precondition == Precondition::edm ? "edm" : "eps"; }

Scaling scaling_of(Precondition precondition, const Tensor& sigma, double noise_factor) {
  if (precondition == Precondition::eps) {
    return {at::ones_like(sigma), -sigma, (1 + sigma.square()).rsqrt(), nearest_time(sigma)};
  }
  constexpr double kVariance = kDataDeviation * kDataDeviation;
  const Tensor sum = sigma.square() + kVariance;
  return {kVariance / sum, sigma * kDataDeviation * sum.rsqrt(), sum.rsqrt(), noise_factor * sigma.log()};
}

const std::vector<double>& ddpm_noise_levels() {
  static const std::vector<double> levels = compute_ddpm_noise_levels();
  return levels;
}

std::vector<std::string> solver_names() { return {"heun", "euler", "renoise"}; }

std::vector<std::string> grid_names() { return {"karras", "uniform", "quad"}; }

void check_solver(const Solver& solver, Precondition precondition, const std::string& origin) {
  const auto check_name = [&](const char* key, const std::string& name, const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    fail("{}: {} = \"{}\": expected {}", origin, key, name, fmt::join(names, " or "));
  };
  check_name("sampler", solver.name, solver_names());
  check_name("grid", solver.grid, grid_names());
  if (solver.steps < 1 || solver.steps > kTimes) {
    fail("{}: steps = {}: expected 1 to {}", origin, solver.steps, kTimes);
  }
  if (solver.grid != "karras" && precondition != Precondition::eps) {
    fail("{}: grid = \"{}\": DDPM's times are for networks with precondition = \"eps\"; expected karras", origin,
         solver.grid);
  }
}

std::vector<double> noise_levels(const Solver& solver, Precondition precondition) {
  const std::vector<double>& table = ddpm_noise_levels();
  std::vector<double> levels;
  if (solver.grid != "karras") {
    for (const int64_t time : grid_times(solver)) levels.push_back(table[static_cast<size_t>(time)]);
    std::reverse(levels.begin(), levels.end());
    return levels;
  }
  const bool table_bounds = precondition == Precondition::eps;
  const double most = std::pow(table_bounds ? table.back() : kMostSigma, 1 / kGridPower),
               least = std::pow(table_bounds ? table.front() : kLeastSigma, 1 / kGridPower);
  const int64_t parts = solver.name == "renoise" ? solver.steps : std::max<int64_t>(1, solver.steps - 1);
  for (int64_t i = 0; i < solver.steps; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(parts);
    levels.push_back(std::pow(most + share * (least - most), kGridPower));
  }
  return levels;
}

double latent_scale(double sigma, Precondition precondition) {
  return precondition == Precondition::eps ? std::sqrt(1 + sigma * sigma) : sigma;
}

}  // namespace dgl
