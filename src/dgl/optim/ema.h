#pragma once

#include "dgl/base/torch.h"
#include "dgl/base/workers.h"

namespace dgl {

/// beta of an exponential moving average with the given half-life after `batch` more images: 0.5^(batch / half-life).
/// The half-life is at most `ramp` of the `images` seen so far, since the average of a short run would else be mostly
/// its random start (stylegan2-ada-pytorch's ema_rampup). ramp 0: no limit.
double ema_beta(double batch, double half_life_images, double images, double ramp);

/// average = network + beta * (average - network) for parameters; buffers (the mean latent) are copied.
void update_ema(const torch::nn::Module& network, torch::nn::Module& average, double beta, Workers& workers);

}  // namespace dgl
