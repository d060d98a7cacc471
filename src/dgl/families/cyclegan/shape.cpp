#include "dgl/families/cyclegan/shape.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/nn/settings.h"

namespace dgl {

namespace {

constexpr size_t kOuterLayers = 5;  // that ResnetShape::channels has

/// One of the two convolutions of a block.
void count_block_convolution(CostCounter& counter, const ResnetShape& shape, int64_t in, int64_t out, int64_t pixels) {
  if (shape.separable()) {
    counter.conv(1, in, 3, pixels, true);
    counter.conv(in, out, 1, pixels, true);
  } else {
    counter.conv(in, out, 3, pixels, true);
  }
}

}  // namespace

std::vector<std::string> resnet_architectures() { return {"resnet", "mobile"}; }

ResnetShape ResnetShape::usual(int64_t resolution, int64_t img_channels, const std::string& architecture,
                               int64_t channels, int64_t blocks) {
  return {resolution,
          img_channels,
          architecture,
          {channels, 2 * channels, 4 * channels, 2 * channels, channels},
          std::vector<int64_t>(static_cast<size_t>(blocks), 4 * channels)};
}

ResnetShape ResnetShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  ResnetShape shape;
  shape.resolution = settings.integer("resolution", kSmallest, 4096);
  if (shape.resolution % kMultiple != 0) {
    fail("{}: network setting resolution = {}: expected a multiple of {}", origin, shape.resolution, kMultiple);
  }
  shape.img_channels = settings.integer("img_channels", 1, 16);
  shape.architecture = settings.required_text("architecture");
  const auto known = resnet_architectures();
  if (std::find(known.begin(), known.end(), shape.architecture) == known.end()) {
    fail("{}: network setting architecture = \"{}\": expected {}", origin, shape.architecture,
         fmt::join(known, " or "));
  }
  shape.channels = settings.integers("channels", 1, kMostMaps, kOuterLayers);
  if (shape.channels.size() != kOuterLayers) {
    fail("{}: network setting channels: {} numbers, expected {}", origin, shape.channels.size(), kOuterLayers);
  }
  shape.hidden = settings.integers("hidden", 1, kMostMaps, static_cast<size_t>(kMostBlocks));
  return shape;
}

nlohmann::json ResnetShape::to_json() const {
  return {{"family", "cyclegan"},         {"architecture", architecture}, {"resolution", resolution},
          {"img_channels", img_channels}, {"channels", channels},         {"hidden", hidden}};
}

Cost ResnetShape::cost() const {
  constexpr int64_t kOuterKernel = 7;
  const int64_t whole = resolution * resolution, half = whole / 4, quarter = whole / 16;
  CostCounter counter;
  counter.conv(img_channels, channels[0], kOuterKernel, whole, true);
  counter.conv(channels[0], channels[1], 3, half, true);
  counter.conv(channels[1], channels[2], 3, quarter, true);
  for (const int64_t maps : hidden) {
    count_block_convolution(counter, *this, trunk(), maps, quarter);
    count_block_convolution(counter, *this, maps, trunk(), quarter);
  }
  // Transposed convolutions count the pixels of their input.
  counter.conv(channels[2], channels[3], 3, quarter, true);
  counter.conv(channels[3], channels[4], 3, half, true);
  counter.conv(channels[4], img_channels, kOuterKernel, whole, true);
  return counter.cost;
}

}  // namespace dgl
