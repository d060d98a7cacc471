#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/nn/network_set.h"
#include "dgl/recipe/recipe.h"
#include "dgl/run/run_state.h"

namespace dgl {

/// How far a finished model's images are from the real ones, over `evaluation.final_samples` images.
struct FinalMeasures {
  /// Fréchet distance on the features of `evaluation.features`; absent without features, or for a model of which only
  /// a part could be measured.
  std::optional<double> distance{};
  /// Kernel distance, precision and recall on the same features, over at most 10 000 images of each kind. Precision and
  /// recall need more than three.
  std::optional<double> kid_mean{}, kid_deviation{}, precision{}, recall{};
  /// Of a family that reconstructs: mean peak signal-to-noise ratio in decibels, structural similarity and, with
  /// evaluation.lpips, LPIPS of reconstructions, and the distance of images of latents drawn from the prior.
  std::optional<double> psnr{}, ssim{}, lpips{}, prior_distance{};
  /// Distances by other solvers than the model's own, over `evaluation.samples` images.
  struct BySolver {
    std::string sampler;
    int64_t calls = 0;  ///< of the network for an image
    double distance = 0;
  };
  std::vector<BySolver> by_solver{};
  nlohmann::json own{};                    ///< Family::own_measures(), and those of translations
  std::optional<double> judge_distance{};  ///< Fréchet distance on the features of `evaluation.judge_features`
};

/// The figures of a model's entry in summary.json that are numbers and not of the family's own: "fd", "precision", ….
nlohmann::json figures_of(const FinalMeasures& measures);

/// The input of a finished run's summary.
struct SummaryInput {
  Recipe recipe;
  RunState state;
  DatasetInfo data;
  std::vector<std::string> grid_rows;  ///< what the rows of sample grids show; empty if they are all alike
  torch::Device device = torch::kCPU;
  int64_t processes = 1;
  const NetworkSet* result = nullptr;
  const NetworkSet* teacher = nullptr;  ///< null if the run has no teacher
  std::string metric;                   ///< name of the distance; empty: none was measured
  int64_t metric_samples = 0;           ///< images that it is of
  std::string judge_metric;             ///< name of the judge's distance; empty: there is none
  std::optional<FinalMeasures> result_measures, teacher_measures;
  std::optional<double> distance_last3;  ///< mean of the last three evaluations of the run
};

/// Returns summary.json of a run (docs/formats.md): stages, result, and size, cost, latency and distance of student and
/// teacher.
nlohmann::json make_summary(const SummaryInput& input);

/// Returns the summary as a small table for the terminal.
std::string summary_table(const nlohmann::json& summary);

/// Returns the command line that reproduces the run.
std::string reproduce_command(const Recipe& recipe);

}  // namespace dgl
