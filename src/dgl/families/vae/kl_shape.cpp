#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/error.h"
#include "dgl/families/vae/kl_networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

bool KlShape::attends(int64_t level) const {
  return std::find(attention.begin(), attention.end(), level) != attention.end();
}

KlShape KlShape::make(const VaeSettings& s, Rational width) {
  KlShape shape{};
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
  shape.z_channels = shape.embed_dim = s.z_channels;
  shape.groups = s.groups;
  return from_json(shape.to_json(), "the recipe");
}

KlShape KlShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  KlShape shape{};
  shape.resolution = settings.integer("resolution", 1, 4096);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.first_channels = settings.integer("first_channels", 1, kMostVaeChannels);
  shape.channels = settings.integers("channels", 1, kMostVaeChannels, kMostVaeLevels);
  check_vae_levels(shape.resolution, shape.channels.size(), origin);
  shape.blocks = settings.integer("blocks", 1, kMostVaeBlocks);
  shape.attention = settings.integers("attention", 0, shape.levels() - 1, kMostVaeLevels);
  shape.z_channels = settings.integer("z_channels", 1, kMostVaeChannels);
  shape.embed_dim = settings.integer("embed_dim", 1, kMostVaeChannels);
  shape.groups.most = settings.integer("groups", 1, kMostVaeChannels);
  shape.groups.channels = settings.integer("group_channels", 1, kMostVaeChannels);
  return shape;
}

nlohmann::json KlShape::to_json() const {
  return {{"family", "vae"},
          {"architecture", kArchitecture},
          {"resolution", resolution},
          {"img_channels", img_channels},
          {"first_channels", first_channels},
          {"channels", channels},
          {"blocks", blocks},
          {"attention", attention},
          {"z_channels", z_channels},
          {"embed_dim", embed_dim},
          {"groups", groups.most},
          {"group_channels", groups.channels}};
}

Cost KlShape::encoder_cost() const {
  CostCounter counter;
  int64_t in = first_channels, s = resolution;
  counter.conv(img_channels, in, 3, s * s, true);
  for (int64_t i = 0; i < levels(); ++i) {
    const int64_t out = channels[static_cast<size_t>(i)];
    for (int64_t block = 0; block < blocks; ++block) {
      ResidualBlock::count(counter, in, out, s * s);
      if (attends(i)) AttentionBlock::count(counter, out, s * s);
      in = out;
    }
    if (i + 1 == levels()) break;
    s /= 2;
    counter.conv(out, out, 3, s * s, true);
  }
  ResidualBlock::count(counter, in, in, s * s);
  AttentionBlock::count(counter, in, s * s);
  ResidualBlock::count(counter, in, in, s * s);
  count_norm(counter, in);
  counter.conv(in, 2 * z_channels, 3, s * s, true);
  counter.conv(2 * z_channels, 2 * embed_dim, 1, s * s, true);
  return counter.cost;
}

Cost KlShape::decoder_cost() const {
  CostCounter counter;
  int64_t in = channels.back(), s = side();
  counter.conv(embed_dim, z_channels, 1, s * s, true);
  counter.conv(z_channels, in, 3, s * s, true);
  ResidualBlock::count(counter, in, in, s * s);
  AttentionBlock::count(counter, in, s * s);
  ResidualBlock::count(counter, in, in, s * s);
  for (int64_t i = levels() - 1; i >= 0; --i) {
    const int64_t out = channels[static_cast<size_t>(i)];
    for (int64_t block = 0; block <= blocks; ++block) {
      ResidualBlock::count(counter, in, out, s * s);
      if (attends(i)) AttentionBlock::count(counter, out, s * s);
      in = out;
    }
    if (i == 0) break;
    s *= 2;
    counter.conv(out, out, 3, s * s, true);
  }
  count_norm(counter, in);
  counter.conv(in, img_channels, 3, s * s, true);
  return counter.cost;
}

}  // namespace dgl
