#pragma once

#include <functional>

#include <nlohmann/json.hpp>

#include "dgl/base/torch.h"
#include "dgl/nn/network.h"

namespace dgl {

/// Median seconds of `work` on `device` over `runs` timed runs after two untimed ones, without gradients.
double median_seconds(const std::function<void()>& work, torch::Device device, int runs = 15);

/// {"params", "macs"} of a network.
nlohmann::json cost_json(const Cost& cost);

/// {"params", "macs", "latency_ms": {"1": …, "16": …}} of a network, per image, and milliseconds per batch of 1 and 16
/// images.
nlohmann::json profile(Network& network, torch::Device device);

}  // namespace dgl
