#include "dgl/losses/pair_distance.h"

#include <map>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

Tensor unit_length(const Tensor& maps) {
  constexpr double kEpsilon = 1e-10;
  return maps / (maps.norm(2, {1}, /*keepdim=*/true) + kEpsilon);
}

namespace {

Tensor unit_distance(const Tensor& x, const Tensor& y) {
  return (unit_length(x) - unit_length(y)).square().sum(1).mean({1, 2});
}

Tensor l1_distance(const Tensor& x, const Tensor& y) { return (x - y).abs().mean({1, 2, 3}); }

/// The mean over layers of a layer's distance.
PairDistance over_layers(Tensor (*distance)(const Tensor&, const Tensor&)) {
  return [distance](const FeatureMaps& x, const FeatureMaps& y) {
    Tensor sum;
    for (size_t layer = 0; layer < x.size(); ++layer) {
      const Tensor term = distance(x[layer].to(torch::kFloat), y[layer].to(torch::kFloat));
      sum = sum.defined() ? sum + term : term;
    }
    return sum / static_cast<double>(x.size());
  };
}

const std::map<std::string, PairDistance>& distances() {
  static const std::map<std::string, PairDistance> all{{"l1", over_layers(l1_distance)},
                                                       {"unit", over_layers(unit_distance)}};
  return all;
}

}  // namespace

std::vector<std::string> pair_distance_names() {
  std::vector<std::string> names;
  for (const auto& [name, distance] : distances()) names.push_back(name);
  return names;
}

PairDistance make_pair_distance(const std::string& name, const std::string& key) {
  const auto found = distances().find(name);
  if (found == distances().end()) {
    fail("{} = \"{}\": expected {}", key, name, fmt::join(pair_distance_names(), " or "));
  }
  return found->second;
}

}  // namespace dgl
