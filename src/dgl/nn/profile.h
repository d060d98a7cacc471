#pragma once

#include <nlohmann/json.hpp>

#include "dgl/nn/network.h"

namespace dgl {

/// Median seconds of one generator pass, mapping included, without gradients and with frozen weights, over `runs` timed
/// runs after two untimed ones.
double generator_latency(Generator& generator, int64_t batch, torch::Device device, int runs = 15);
/// The same of one discriminator pass.
double discriminator_latency(Discriminator& discriminator, int64_t batch, torch::Device device, int runs = 15);

/// {"params", "macs", "latency_ms": {"1": …, "16": …}} of a network; macs are per image (nets/network.h).
nlohmann::json profile(Generator& generator, torch::Device device);
nlohmann::json profile(Discriminator& discriminator, torch::Device device);

}  // namespace dgl
