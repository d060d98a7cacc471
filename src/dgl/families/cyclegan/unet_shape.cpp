#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/error.h"
#include "dgl/families/cyclegan/unet_generator.h"
#include "dgl/nn/settings.h"

namespace dgl {

int64_t UnetShape::outer(int64_t level) const {
  return level == 0 ? img_channels : channels[static_cast<size_t>(level - 1)];
}

int64_t UnetShape::doubled_from(int64_t level) const {
  return channels[static_cast<size_t>(level)] * (level + 1 == levels() ? 1 : 2);
}

UnetShape UnetShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  UnetShape shape;
  shape.img_channels = settings.integer("img_channels", 1, 16);
  shape.channels = settings.integers("channels", 1, kMostMaps, kMostLevels);
  if (shape.levels() < kFewestLevels) {
    fail("{}: network setting channels: {} numbers, expected at least {}", origin, shape.levels(), kFewestLevels);
  }
  shape.resolution = settings.integer("resolution", shape.smallest_side(), 4096);
  if (shape.resolution % shape.multiple() != 0) {
    fail("{}: network setting resolution = {}: expected a multiple of {}", origin, shape.resolution, shape.multiple());
  }
  shape.norm = settings.required_text("norm");
  if (shape.norm != "batch" && shape.norm != "instance") {
    fail("{}: network setting norm = \"{}\": expected batch or instance", origin, shape.norm);
  }
  return shape;
}

UnetShape UnetShape::from_tensors(const NamedTensors& tensors, int64_t resolution, const std::string& origin) {
  const TensorSizes size(tensors, origin);
  UnetShape shape;
  shape.resolution = resolution;
  shape.img_channels = size("model.model.0.weight", 4, 1);
  shape.channels = {size("model.model.0.weight", 4, 0)};
  shape.norm = size.has("model.model.0.bias") ? "instance" : "batch";
  std::string block = "model.model.1.model.";
  while (shape.levels() <= kMostLevels && size.has(block + "1.weight")) {
    shape.channels.push_back(size(block + "1.weight", 4, 0));
    block += "3.model.";
  }
  const int64_t made = size("model.model.3.weight", 4, 1);
  if (made != shape.img_channels) {
    fail("{}: a generator that makes images of {} channels from images of {}; expected the same", origin, made,
         shape.img_channels);
  }
  return from_json(shape.to_json(), origin);
}

nlohmann::json UnetShape::to_json() const {
  return {{"family", "cyclegan"},         {"architecture", kArchitecture}, {"resolution", resolution},
          {"img_channels", img_channels}, {"channels", channels},          {"norm", norm}};
}

Cost UnetShape::cost() const {
  constexpr int64_t kKernel = 4;
  CostCounter counter;
  int64_t pixels = resolution * resolution;
  for (int64_t i = 0; i < levels(); ++i) {
    const int64_t inner = channels[static_cast<size_t>(i)];
    const bool outermost = i == 0, innermost = i + 1 == levels();
    pixels /= 4;
    counter.conv(outer(i), inner, kKernel, pixels, !batch_norm());
    // Transposed convolutions count the pixels of their input.
    counter.conv(doubled_from(i), outer(i), kKernel, pixels, !batch_norm() || outermost);
    if (!batch_norm()) continue;
    if (!outermost && !innermost) counter.cost.params += 2 * inner;
    if (!outermost) counter.cost.params += 2 * outer(i);
  }
  return counter.cost;
}

}  // namespace dgl
