#pragma once

#include <torch/types.h>

#include "dgl/losses/lpips.h"
#include "dgl/nn/sampling.h"

namespace dgl {

/// Returns the mean of path lengths [N] without those below the 1st percentile or above the 99th, as NVlabs's metrics
/// take them: the percentiles are numpy's, "lower" and "higher".
double mean_path_length(const torch::Tensor& lengths);

/// Returns the perceptual path length in w (Karras et al. 2020, arXiv 1912.04958; NVlabs/stylegan2-ada-pytorch,
/// metrics/perceptual_path_length.py, ppl2_wend): how far images move, by LPIPS, for a step of 1e-4 of the way from one
/// w to another, over the square of the step; mean_path_length() of `options.count` such steps. Images above 256 pixels
/// are compared at 256, all of the image. The noise is the stored one, for it has to be the same at both ends; the
/// reference draws it anew for each batch. Labels, without which w is not mapped, are drawn as the options say.
/// Throws Error if the sampler has no styles.
double perceptual_path_length(Sampler& sampler, const Lpips& lpips, const DrawOptions& options);

}  // namespace dgl
