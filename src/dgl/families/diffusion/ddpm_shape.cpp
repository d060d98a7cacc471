#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/nn/settings.h"

namespace dgl {

DdpmShape DdpmShape::make(const DenoiserSettings& s, Rational width) {
  return from_json(DenoiserShape::make(s, width).to_json(), "the recipe");
}

DdpmShape DdpmShape::from_json(const nlohmann::json& json, const std::string& origin) {
  DdpmShape shape{};
  static_cast<DenoiserShape&>(shape) = DenoiserShape::from_settings(network_settings(json, origin), origin);
  if (shape.first_channels < 4 || shape.first_channels % 2 != 0) {
    fail(
        "{}: the first layer has {} feature maps; expected an even number of 4 or more, for sines and cosines of times",
        origin, shape.first_channels);
  }
  return shape;
}

Cost DdpmShape::cost() const {
  CostCounter counter;
  counter.linear(first_channels, embedding());
  counter.linear(embedding(), embedding());
  counter.cost.params += classes * embedding();
  int64_t in = first_channels, s = resolution;
  counter.conv(img_channels, in, 3, s * s, true);
  const auto count_block = [&](int64_t level, int64_t inputs) {
    const int64_t out = channels[static_cast<size_t>(level)];
    ResidualBlock::count(counter, inputs, out, s * s, embedding());
    if (attends(level)) AttentionBlock::count(counter, out, s * s);
    in = out;
  };
  const auto count_resampling = [&] { counter.conv(in, in, 3, s * s, true); };
  for (int64_t i = 0; i < levels(); ++i) {
    for (int64_t block = 0; block < blocks; ++block) count_block(i, in);
    if (i + 1 == levels()) break;
    s /= 2;
    count_resampling();
  }
  MiddleBlocks::count(counter, in, s * s, embedding());
  auto rest = skips();
  for (int64_t i = levels() - 1; i >= 0; --i) {
    for (int64_t block = 0; block <= blocks; ++block) {
      count_block(i, in + rest.back());
      rest.pop_back();
    }
    if (i == 0) break;
    s *= 2;
    count_resampling();
  }
  count_norm(counter, in);
  counter.conv(in, img_channels, 3, s * s, true);
  return counter.cost;
}

}  // namespace dgl
