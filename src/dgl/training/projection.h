#pragma once

#include <cstdint>
#include <functional>

#include "dgl/base/torch.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// How styles of images are looked for. The defaults are those of stylegan2-ada-pytorch's projector.py.
struct ProjectionOptions {
  int64_t steps = 1000;
  double lr = 0.1;               ///< of Adam; it rises over the first 5 % of the steps and falls over the last 25 %
  double noise = 0.05;           ///< of w in the first steps, as a share of w's standard deviation
  int64_t mean_samples = 10000;  ///< latents whose w give the mean, where the search begins, and that deviation
  int64_t label = -1;            ///< whose mean it is in a conditional model; -1: of all labels alike
  uint64_t seed = 0;             ///< of all random numbers
  torch::Device device = torch::kCPU;
};

/// The mean of w [w_dim] and the standard deviation of its numbers around it.
struct StyleStatistics {
  torch::Tensor mean;
  double deviation = 0;
};
StyleStatistics style_statistics(Sampler& sampler, const ProjectionOptions& options);

/// Distances [N] of images [N, C, R, R] from those that are looked for, differentiable.
using TargetDistance = std::function<torch::Tensor(const torch::Tensor& images)>;

/// The styles that were found.
struct Projection {
  torch::Tensor w;          ///< [N, w_dim]
  torch::Tensor images;     ///< [N, C, R, R], what the model makes of them with its stored noise
  torch::Tensor distances;  ///< [N]
};

/// Looks for the w of `count` images in a model with styles, each by itself: projection into w (Karras et al. 2020,
/// arXiv 1912.04958, section 5 and appendix D). Adam begins at the mean; Gaussian noise on w, which ceases by three
/// quarters of the steps, lets it leave local minima. The stored noise of the layers stays as it is. The random numbers
/// of an image depend on the seed and on `first` plus its place, so that images may come in any batches. Calls
/// `on_step` with the number of each step, from 0, and the mean distance. The parameters of the model must not require
/// gradients. Throws Error for a sampler without styles, and DivergenceError for a distance that is not finite.
Projection project_images(Sampler& sampler, int64_t count, const StyleStatistics& styles,
                          const TargetDistance& distance, const ProjectionOptions& options, int64_t first = 0,
                          const std::function<void(int64_t step, double distance)>& on_step = {});

}  // namespace dgl
