#pragma once

#include "dgl/base/torch.h"
#include "dgl/base/workers.h"

namespace dgl {

/// Returns beta of an exponential moving average, given its half-life in images and the `batch` images since the last
/// update: 0.5^(batch / half-life). The half-life is limited to `ramp` times the `images` seen so far, or not at all if
/// `ramp` is 0 (stylegan2-ada-pytorch's ema_rampup). Otherwise the average of a short run would be mostly its random
/// start.
double ema_beta(double batch, double half_life_images, double images, double ramp);

/// Sets average = network + beta * (average - network) for parameters, and copies buffers (the mean latent).
void update_ema(const torch::nn::Module& network, torch::nn::Module& average, double beta, Workers& workers);

}  // namespace dgl
