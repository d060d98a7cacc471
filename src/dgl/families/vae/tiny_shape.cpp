#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/vae/tiny_networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

namespace {

/// Counts what layers cost on feature maps of `side` pixels a side.
Cost cost_of(const std::vector<TinyLayer>& layers, int64_t side) {
  CostCounter counter;
  for (const auto& [kind, in, out] : layers) {
    if (kind == TinyLayer::Kind::halve) side /= 2;
    if (kind == TinyLayer::Kind::upsample) side *= 2;
    const bool bias = kind == TinyLayer::Kind::convolution || kind == TinyLayer::Kind::block;
    const int convolutions = out == 0 ? 0 : kind == TinyLayer::Kind::block ? 3 : 1;
    for (int i = 0; i < convolutions; ++i) counter.conv(in, out, 3, side * side, bias);
  }
  return counter.cost;
}

}  // namespace

TinyShape TinyShape::make(const VaeSettings& s, Rational width) {
  if (!s.attention.empty()) {
    fail("network.attention = \"{}\": expected \"\", for network.architecture = \"tiny\" has none",
         fmt::join(s.attention, ","));
  }
  const TinyShape shape{s.resolution, s.img_channels, s.level_channels(width), s.blocks, s.z_channels};
  return from_json(shape.to_json(), "the recipe");
}

TinyShape TinyShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  TinyShape shape{};
  shape.resolution = settings.integer("resolution", 1, 4096);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.channels = settings.integers("channels", 1, UNetShape::kMaxChannels, UNetShape::kMaxLevels);
  check_levels(shape.resolution, shape.channels.size(), origin);
  shape.blocks = settings.integer("blocks", 1, UNetShape::kMaxBlocks);
  shape.z_channels = settings.integer("z_channels", 1, UNetShape::kMaxChannels);
  return shape;
}

nlohmann::json TinyShape::to_json() const {
  return {{"family", "vae"},          {"architecture", kArchitecture},
          {"resolution", resolution}, {"img_channels", img_channels},
          {"channels", channels},     {"blocks", blocks},
          {"z_channels", z_channels}};
}

void TinyShape::describe(VaeFamilySettings& settings) const {
  settings.channels = channels.front();
  settings.multiples = multiples_of(channels, channels.front());
  settings.blocks = blocks;
  settings.attention = "";
  settings.z_channels = z_channels;
}

std::vector<TinyLayer> TinyShape::encoder_layers() const {
  using Kind = TinyLayer::Kind;
  int64_t maps = channels.front();
  std::vector<TinyLayer> layers{{Kind::convolution, img_channels, maps}, {Kind::block, maps, maps}};
  for (size_t level = 1; level < channels.size(); ++level) {
    layers.push_back({Kind::halve, maps, channels[level]});
    maps = channels[level];
    layers.insert(layers.end(), static_cast<size_t>(blocks), {Kind::block, maps, maps});
  }
  layers.push_back({Kind::convolution, maps, z_channels});
  return layers;
}

std::vector<TinyLayer> TinyShape::decoder_layers() const {
  using Kind = TinyLayer::Kind;
  int64_t maps = channels.back();
  std::vector<TinyLayer> layers{{Kind::clamp}, {Kind::convolution, z_channels, maps}, {Kind::relu}};
  for (size_t level = channels.size() - 1; level > 0; --level) {
    layers.insert(layers.end(), static_cast<size_t>(blocks), {Kind::block, maps, maps});
    layers.push_back({Kind::upsample});
    layers.push_back({Kind::unbiased, maps, channels[level - 1]});
    maps = channels[level - 1];
  }
  layers.push_back({Kind::block, maps, maps});
  layers.push_back({Kind::convolution, maps, img_channels});
  return layers;
}

VaeSizes TinyShape::sizes() const {
  return {{img_channels, resolution, resolution}, z_channels, int64_t{1} << (channels.size() - 1)};
}

Cost TinyShape::encoder_cost() const { return cost_of(encoder_layers(), resolution); }

Cost TinyShape::decoder_cost() const { return cost_of(decoder_layers(), sizes().side()); }

}  // namespace dgl
