#include "dgl/nn/profile.h"

#include <torch/cuda.h>
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"

namespace dgl {

double median_seconds(const std::function<void()>& work, torch::Device device, int runs) {
  torch::NoGradGuard no_grad;
  const auto timed = [&] {
    const double start = now_seconds();
    work();
    if (device.is_cuda()) torch::cuda::synchronize(device.index());
    return now_seconds() - start;
  };
  timed();
  timed();
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) seconds.push_back(timed());
  std::nth_element(seconds.begin(), seconds.begin() + runs / 2, seconds.end());
  return seconds[static_cast<size_t>(runs / 2)];
}

nlohmann::json cost_json(const Cost& cost) { return {{"params", cost.params}, {"macs", cost.macs}}; }

nlohmann::json profile(Network& network, torch::Device device) {
  nlohmann::json result = cost_json(network.cost());
  for (const int64_t batch : {1, 16}) {
    result["latency_ms"][std::to_string(batch)] = median_seconds(network.example_pass(batch, device), device) * 1e3;
  }
  return result;
}

}  // namespace dgl
