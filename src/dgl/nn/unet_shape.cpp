#include "dgl/nn/unet_shape.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/error.h"

namespace dgl {

std::vector<int64_t> UNetSettings::level_channels(Rational width) const {
  std::vector<int64_t> all;
  for (const int64_t multiple : multiples) all.push_back(narrowed_channels(multiple * channels, width));
  return all;
}

int64_t narrowed_channels(int64_t channels, Rational width) {
  const int64_t kept = width.of(channels);
  if (kept < 1) fail("width {}: {} feature maps would be left with none", width.text(), channels);
  return kept;
}

void check_levels(int64_t resolution, size_t levels, const std::string& origin) {
  if (levels == 0) fail("{}: network setting channels: expected one level or more", origin);
  if (const int64_t factor = int64_t{1} << (levels - 1); resolution % factor != 0) {
    fail("{}: network setting resolution = {}: expected a multiple of {}, by which {} levels divide it", origin,
         resolution, factor, levels);
  }
}

bool UNetShape::attends(int64_t level) const {
  return std::find(attention.begin(), attention.end(), level) != attention.end();
}

UNetShape UNetShape::make(const UNetSettings& s, Rational width) {
  UNetShape shape{};
  shape.resolution = s.resolution;
  shape.img_channels = s.img_channels;
  shape.first_channels = narrowed_channels(s.channels, width);
  shape.channels = s.level_channels(width);
  shape.blocks = s.blocks;
  for (const int64_t side : s.attention) {
    int64_t level = 0;
    while (level < shape.levels() && s.resolution >> level != side) ++level;
    if (level == shape.levels()) {
      fail("network.attention = {}: expected sides of feature maps, {} divided by a power of two below {}", side,
           s.resolution, int64_t{1} << shape.levels());
    }
    shape.attention.push_back(level);
  }
  shape.groups = s.groups;
  return shape;
}

UNetShape UNetShape::from_settings(const TableReader& settings, const std::string& origin) {
  UNetShape shape{};
  shape.resolution = settings.integer("resolution", 1, 4096);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.first_channels = settings.integer("first_channels", 1, kMaxChannels);
  shape.channels = settings.integers("channels", 1, kMaxChannels, kMaxLevels);
  check_levels(shape.resolution, shape.channels.size(), origin);
  shape.blocks = settings.integer("blocks", 1, kMaxBlocks);
  shape.attention = settings.integers("attention", 0, shape.levels() - 1, kMaxLevels);
  shape.groups.most = settings.integer("groups", 1, kMaxChannels);
  shape.groups.channels = settings.integer("group_channels", 1, kMaxChannels);
  return shape;
}

nlohmann::json UNetShape::to_json() const {
  return {{"resolution", resolution},
          {"img_channels", img_channels},
          {"first_channels", first_channels},
          {"channels", channels},
          {"blocks", blocks},
          {"attention", attention},
          {"groups", groups.most},
          {"group_channels", groups.channels}};
}

}  // namespace dgl
