#include "dgl/optim/ema.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace dgl {

double ema_beta(double batch, double half_life_images, double images, double ramp) {
  if (ramp > 0) half_life_images = std::min(half_life_images, images * ramp);
  return std::pow(0.5, batch / std::max(half_life_images, 1e-8));
}

void update_ema(const torch::nn::Module& network, torch::nn::Module& average, double beta, Workers& workers) {
  torch::NoGradGuard no_grad;
  const auto from = network.parameters(), to = average.parameters();
  if (!to[0].device().is_cpu()) {
    at::_foreach_mul_(to, beta);
    at::_foreach_add_(to, from, 1 - beta);
  } else {
    workers.parallel_for(static_cast<int64_t>(to.size()), [&](int64_t first, int64_t last) {
      torch::NoGradGuard no_grad_here;
      for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) to[i].lerp_(from[i], 1 - beta);
    });
  }
  const auto buffers = network.named_buffers();
  for (auto& item : average.named_buffers()) item.value().copy_(buffers[item.key()]);
}

}  // namespace dgl
