#include "training/ema.h"

#include <cmath>

namespace dgl {

double ema_beta(double batch, double half_life_images, double images, double ramp) {
  if (ramp > 0) half_life_images = std::min(half_life_images, images * ramp);
  return std::pow(0.5, batch / std::max(half_life_images, 1e-8));
}

void update_ema(const Generator& network, Generator& average, double beta) {
  torch::NoGradGuard no_grad;
  const auto from = network.named_parameters();
  for (auto& item : average.named_parameters()) item.value().lerp_(from[item.key()], 1 - beta);
  const auto buffers = network.named_buffers();
  for (auto& item : average.named_buffers()) item.value().copy_(buffers[item.key()]);
}

}  // namespace dgl
