#include "dgl/nn/profile.h"

#include "dgl/base/runtime.h"
#include "dgl/ops/frozen_weights.h"

namespace dgl {

namespace {

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

template <class Network, class Latency>
nlohmann::json profile_network(Network& network, torch::Device device, const Latency& latency) {
  const Cost cost = network.cost();
  nlohmann::json result = {{"params", cost.params}, {"macs", cost.macs}};
  for (const int64_t batch : {1, 16}) {
    result["latency_ms"][std::to_string(batch)] = latency(network, batch, device, 15) * 1e3;
  }
  return result;
}

}  // namespace

double generator_latency(Generator& generator, int64_t batch, torch::Device device, int runs) {
  const auto z = torch::randn({batch, generator.z_dim()}, device);
  const auto labels =
      generator.classes() ? torch::zeros({batch}, torch::dtype(torch::kLong).device(device)) : torch::Tensor();
  const ops::FrozenWeights frozen;
  return median_seconds([&] { generator.sample(z, labels, 1); }, device, runs);
}

double discriminator_latency(Discriminator& discriminator, int64_t batch, torch::Device device, int runs) {
  const int64_t r = discriminator.resolution();
  const auto images = torch::randn({batch, discriminator.channels(), r, r}, device);
  const auto labels =
      discriminator.classes() ? torch::zeros({batch}, torch::dtype(torch::kLong).device(device)) : torch::Tensor();
  return median_seconds([&] { discriminator.forward(images, labels, 1); }, device, runs);
}

nlohmann::json profile(Generator& generator, torch::Device device) {
  return profile_network(generator, device, generator_latency);
}

nlohmann::json profile(Discriminator& discriminator, torch::Device device) {
  return profile_network(discriminator, device, discriminator_latency);
}

}  // namespace dgl
