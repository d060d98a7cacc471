#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

namespace {

constexpr int64_t kMaxChannels = 16384, kMaxClasses = 1'000'000, kMaxBlocks = 16;

/// BigGAN-PyTorch's tables. Feature maps are given as multiples of the settings' channels.
struct Table {
  int64_t resolution, first;
  std::vector<int64_t> generator, discriminator;
  int64_t downs;
};

const Table& table_of(int64_t resolution) {
  static const std::vector<Table> tables = {{32, 4, {4, 4, 4}, {4, 4, 4, 4}, 2},
                                            {64, 16, {16, 8, 4, 2}, {1, 2, 4, 8, 16}, 4},
                                            {128, 16, {16, 8, 4, 2, 1}, {1, 2, 4, 8, 16, 16}, 5},
                                            {256, 16, {16, 8, 8, 4, 2, 1}, {1, 2, 4, 8, 8, 16, 16}, 6}};
  for (const Table& table : tables) {
    if (table.resolution == resolution) return table;
  }
  fail("network.resolution = {}: BigGAN is defined for 32, 64, 128 and 256", resolution);
}

int64_t narrowed(int64_t multiple, const BigGanSettings& s, Rational width) {
  const int64_t channels = width.of(multiple * s.channels);
  if (channels < 1) fail("width {}: {} feature maps would be left with none", width.text(), multiple * s.channels);
  return channels;
}

std::vector<int64_t> narrowed(const std::vector<int64_t>& multiples, const BigGanSettings& s, Rational width) {
  std::vector<int64_t> channels;
  for (const int64_t multiple : multiples) channels.push_back(narrowed(multiple, s, width));
  return channels;
}

/// Returns the index of the block whose output has side `attention`, as the only element; empty for 0.
std::vector<int64_t> attending(int64_t attention, const std::vector<int64_t>& sides) {
  if (attention == 0) return {};
  const auto found = std::find(sides.begin(), sides.end(), attention);
  if (found == sides.end()) {
    fail("network.attention = {}: expected 0 or the side of some feature maps: {}", attention, fmt::join(sides, ", "));
  }
  return {found - sides.begin()};
}

bool has(const std::vector<int64_t>& places, size_t i) {
  return std::find(places.begin(), places.end(), static_cast<int64_t>(i)) != places.end();
}

/// Reads the list "attention" for blocks with these channels. The other settings have been checked.
std::vector<int64_t> attention_of(const TableReader& settings, const std::vector<int64_t>& channels,
                                  const std::string& origin) {
  const auto places = settings.integers("attention", 0, static_cast<int64_t>(channels.size()) - 1, kMaxBlocks);
  for (const int64_t place : places) {
    if (channels[static_cast<size_t>(place)] < 8) {
      fail("{}: self-attention needs 8 feature maps or more, and gets {}", origin,
           channels[static_cast<size_t>(place)]);
    }
  }
  return places;
}

void add_attention(CostCounter& counter, int64_t channels, int64_t side) {
  const int64_t pixels = side * side, keys = channels / 8, values = channels / 2;
  counter.conv(channels, keys, 1, pixels, false);
  counter.conv(channels, keys, 1, pixels, false);
  counter.conv(channels, values, 1, pixels, false);
  counter.conv(values, channels, 1, pixels, false);
  counter.cost.params += 1;
  counter.cost.macs += pixels * (pixels / 4) * (keys + values);
}

}  // namespace

BigGanGeneratorShape BigGanGeneratorShape::make(const BigGanSettings& s, Rational width) {
  const Table& table = table_of(s.resolution);
  if (s.hierarchical && s.shared_dim == 0) {
    fail("network.hierarchical: chunks of the latent join a shared embedding; expected network.shared_dim above 0");
  }
  BigGanGeneratorShape shape{s.resolution,
                             s.img_channels,
                             s.z_dim,
                             s.classes,
                             s.shared_dim,
                             s.hierarchical,
                             narrowed(table.first, s, width),
                             narrowed(table.generator, s, width),
                             {}};
  if (s.hierarchical) {
    const auto slots = static_cast<int64_t>(shape.channels.size()) + 1;
    shape.z_dim = s.z_dim / slots * slots;
    if (shape.z_dim == 0) fail("network.z_dim = {}: expected {} or more, one for each chunk", s.z_dim, slots);
  }
  std::vector<int64_t> sides;
  for (int64_t r = 8; r <= s.resolution; r *= 2) sides.push_back(r);
  shape.attention = attending(s.attention, sides);
  return from_json(shape.to_json(), "the recipe");
}

BigGanGeneratorShape BigGanGeneratorShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  BigGanGeneratorShape shape{};
  shape.resolution = resolution_of(settings, origin);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.z_dim = settings.integer("z_dim", 1, kMaxChannels);
  shape.classes = settings.integer("classes", 1, kMaxClasses);
  shape.shared_dim = settings.integer("shared_dim", 0, kMaxChannels);
  shape.hierarchical = settings.boolean("hierarchical").value_or(false);
  shape.first_channels = settings.integer("first_channels", 1, kMaxChannels);
  shape.channels = settings.integers("channels", 1, kMaxChannels, kMaxBlocks);
  if (shape.resolution != int64_t{4} << shape.channels.size()) {
    fail("{}: network setting channels: {} blocks do not make {} pixels of 4", origin, shape.channels.size(),
         shape.resolution);
  }
  shape.attention = attention_of(settings, shape.channels, origin);
  if (shape.hierarchical &&
      (shape.shared_dim == 0 || shape.z_dim % (static_cast<int64_t>(shape.channels.size()) + 1) != 0)) {
    fail("{}: network setting hierarchical: expected a shared_dim and {} equal chunks of z_dim = {}", origin,
         shape.channels.size() + 1, shape.z_dim);
  }
  return shape;
}

nlohmann::json BigGanGeneratorShape::to_json() const {
  return {{"family", "biggan"},           {"resolution", resolution},
          {"img_channels", img_channels}, {"z_dim", z_dim},
          {"classes", classes},           {"shared_dim", shared_dim},
          {"hierarchical", hierarchical}, {"first_channels", first_channels},
          {"channels", channels},         {"attention", attention}};
}

int64_t BigGanGeneratorShape::chunk() const {
  return hierarchical ? z_dim / (static_cast<int64_t>(channels.size()) + 1) : z_dim;
}

int64_t BigGanGeneratorShape::base_channels() const { return channels.back() / table_of(resolution).generator.back(); }

Cost BigGanGeneratorShape::cost() const {
  CostCounter counter;
  counter.cost.params += classes * shared_dim;  // looked up, not multiplied
  counter.linear(chunk(), first_channels * 16);
  const auto norm = [&](int64_t c) {
    if (shared_dim == 0) {
      counter.cost.params += 2 * classes * c;
    } else {
      counter.linear(condition_dim(), 2 * c, false);
    }
  };
  int64_t in = first_channels, side = 4;
  for (size_t i = 0; i < channels.size(); ++i) {
    const int64_t out = channels[i];
    side *= 2;
    norm(in);
    norm(out);
    counter.conv(in, out, 3, side * side, true);
    counter.conv(out, out, 3, side * side, true);
    counter.conv(in, out, 1, side * side, true);
    if (has(attention, i)) add_attention(counter, out, side);
    in = out;
  }
  counter.cost.params += 2 * in;
  counter.conv(in, img_channels, 3, side * side, true);
  return counter.cost;
}

BigGanDiscriminatorShape BigGanDiscriminatorShape::make(const BigGanSettings& s, Rational width) {
  const Table& table = table_of(s.resolution);
  BigGanDiscriminatorShape shape{
      s.resolution, s.img_channels, s.classes, narrowed(table.discriminator, s, width), table.downs, {}};
  std::vector<int64_t> sides;
  for (int64_t r = s.resolution / 2; r >= s.resolution >> table.downs; r /= 2) sides.push_back(r);
  shape.attention = attending(s.attention, sides);
  return from_json(shape.to_json(), "the recipe");
}

BigGanDiscriminatorShape BigGanDiscriminatorShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  BigGanDiscriminatorShape shape{};
  shape.resolution = resolution_of(settings, origin);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.classes = settings.integer("classes", 1, kMaxClasses);
  shape.channels = settings.integers("channels", 1, kMaxChannels, kMaxBlocks);
  shape.downs = settings.integer("downs", 1, static_cast<int64_t>(shape.channels.size()));
  if (shape.resolution >> shape.downs < 1) {
    fail("{}: network setting downs = {}: too many for {} pixels", origin, shape.downs, shape.resolution);
  }
  shape.attention = attention_of(settings, shape.channels, origin);
  return shape;
}

nlohmann::json BigGanDiscriminatorShape::to_json() const {
  return {{"family", "biggan"},   {"resolution", resolution}, {"img_channels", img_channels}, {"classes", classes},
          {"channels", channels}, {"downs", downs},           {"attention", attention}};
}

Cost BigGanDiscriminatorShape::cost() const {
  CostCounter counter;
  int64_t in = img_channels, side = resolution;
  for (size_t i = 0; i < channels.size(); ++i) {
    const int64_t out = channels[i];
    const bool down = static_cast<int64_t>(i) < downs;
    counter.conv(in, out, 3, side * side, true);
    counter.conv(out, out, 3, side * side, true);
    // Counts the shortcut's convolution as BigGAN-PyTorch computes it: before the pooling, except in the first block.
    const int64_t pooled = down ? side / 2 : side, shortcut_side = i == 0 ? pooled : side;
    if (down || in != out) counter.conv(in, out, 1, shortcut_side * shortcut_side, true);
    side = pooled;
    if (has(attention, i)) add_attention(counter, out, side);
    in = out;
  }
  counter.linear(in, 1);
  counter.cost.params += classes * in;
  counter.cost.macs += in;
  return counter.cost;
}

}  // namespace dgl
