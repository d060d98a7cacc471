#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/error.h"
#include "dgl/families/vae/kl_networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

KlShape KlShape::make(const VaeSettings& s, Rational width) {
  KlShape shape{};
  static_cast<UNetShape&>(shape) = UNetShape::make(s, width);
  shape.z_channels = shape.embed_dim = s.z_channels;
  return from_json(shape.to_json(), "the recipe");
}

KlShape KlShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  KlShape shape{};
  static_cast<UNetShape&>(shape) = UNetShape::from_settings(settings, origin);
  shape.z_channels = settings.integer("z_channels", 1, kMaxChannels);
  shape.embed_dim = settings.integer("embed_dim", 1, kMaxChannels);
  return shape;
}

nlohmann::json KlShape::to_json() const {
  nlohmann::json json = UNetShape::to_json();
  json["family"] = "vae";
  json["architecture"] = kArchitecture;
  json["z_channels"] = z_channels;
  json["embed_dim"] = embed_dim;
  return json;
}

void KlShape::describe(VaeFamilySettings& settings) const {
  describe_unet(*this, settings);
  settings.z_channels = z_channels;
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
  MiddleBlocks::count(counter, in, s * s);
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
  MiddleBlocks::count(counter, in, s * s);
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
