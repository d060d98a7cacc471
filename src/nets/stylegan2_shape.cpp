#include <bit>

#include "base/error.h"
#include "nets/stylegan2.h"

namespace dgl {

namespace {

constexpr int64_t kMaxChannels = 4096, kMaxLayers = 64;

std::map<int64_t, int64_t> channels_at(const StyleGan2Settings& s, Rational width) {
  std::map<int64_t, int64_t> channels;
  for (int64_t r = 4; r <= s.resolution; r *= 2) {
    const int64_t full = std::min(s.channel_base / r, s.channel_max);
    channels[r] = width.of(full);
    if (channels[r] < 1) {
      fail("width {}: {} feature maps at {} x {} would be left with none", width.text(), full, r, r);
    }
  }
  return channels;
}

/// A whole number in `json`, checked against its range.
int64_t whole(const nlohmann::json& json, const char* key, int64_t low, int64_t high, const std::string& origin) {
  if (!json.contains(key) || !json[key].is_number_integer()) {
    fail("{}: the network's settings have no whole number \"{}\"", origin, key);
  }
  const auto value = json[key].get<int64_t>();
  if (value < low || value > high) {
    fail("{}: network setting {} = {}: expected {} to {}", origin, key, value, low, high);
  }
  return value;
}

int64_t resolution_of(const nlohmann::json& json, const std::string& origin) {
  const int64_t r = whole(json, "resolution", 8, 1024, origin);
  if (!std::has_single_bit(static_cast<uint64_t>(r))) {
    fail("{}: network setting resolution = {}: expected a power of two", origin, r);
  }
  return r;
}

std::map<int64_t, int64_t> channels_of(const nlohmann::json& json, int64_t resolution, const std::string& origin) {
  if (!json.contains("channels") || !json["channels"].is_object()) {
    fail("{}: the network's settings have no object \"channels\"", origin);
  }
  std::map<int64_t, int64_t> channels;
  for (int64_t r = 4; r <= resolution; r *= 2) {
    channels[r] = whole(json["channels"], std::to_string(r).c_str(), 1, kMaxChannels, origin);
  }
  return channels;
}

nlohmann::json channels_json(const std::map<int64_t, int64_t>& channels) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [r, c] : channels) json[std::to_string(r)] = c;
  return json;
}

/// Adds layers to a cost.
struct Tally {
  Cost cost;
  void conv(int64_t in, int64_t out, int64_t kernel, int64_t pixels, bool bias) {
    cost.params += in * out * kernel * kernel + (bias ? out : 0);
    cost.macs += in * out * kernel * kernel * pixels;
  }
  void linear(int64_t in, int64_t out) {
    cost.params += in * out + out;
    cost.macs += in * out;
  }
};

}  // namespace

StyleGan2GeneratorShape StyleGan2GeneratorShape::make(const StyleGan2Settings& s, Rational width,
                                                      bool narrow_constant) {
  StyleGan2GeneratorShape shape{s.resolution, s.img_channels, s.z_dim, s.w_dim, s.mapping_layers, 0,
                                channels_at(s, width)};
  shape.const_channels = narrow_constant ? shape.channels.at(4) : std::min(s.channel_base / 4, s.channel_max);
  return shape;
}

StyleGan2GeneratorShape StyleGan2GeneratorShape::from_json(const nlohmann::json& json, const std::string& origin) {
  StyleGan2GeneratorShape shape{};
  shape.resolution = resolution_of(json, origin);
  shape.img_channels = whole(json, "img_channels", 1, 4, origin);
  shape.z_dim = whole(json, "z_dim", 1, kMaxChannels, origin);
  shape.w_dim = whole(json, "w_dim", 1, kMaxChannels, origin);
  shape.mapping_layers = whole(json, "mapping_layers", 1, kMaxLayers, origin);
  shape.const_channels = whole(json, "const_channels", 1, kMaxChannels, origin);
  shape.channels = channels_of(json, shape.resolution, origin);
  return shape;
}

nlohmann::json StyleGan2GeneratorShape::to_json() const {
  return {{"family", "stylegan2"},     {"resolution", resolution},         {"img_channels", img_channels},
          {"z_dim", z_dim},            {"w_dim", w_dim},                   {"mapping_layers", mapping_layers},
          {"const_channels", const_channels}, {"channels", channels_json(channels)}};
}

int64_t StyleGan2GeneratorShape::num_ws() const { return 2 * static_cast<int64_t>(channels.size()); }

Cost StyleGan2GeneratorShape::cost() const {
  Tally tally;
  for (int64_t i = 0; i < mapping_layers; ++i) tally.linear(i == 0 ? z_dim : w_dim, w_dim);
  tally.cost.params += const_channels * 16;
  // A synthesis layer: convolution, bias, noise strength, affine.
  const auto layer = [&](int64_t in, int64_t out, int64_t pixels) {
    tally.conv(in, out, 3, pixels, true);
    tally.cost.params += 1;
    tally.linear(w_dim, in);
  };
  int64_t in = const_channels;
  for (const auto& [r, out] : channels) {
    if (r > 4) {
      layer(in, out, (r / 2) * (r / 2));
      in = out;
    }
    layer(in, out, r * r);
    in = out;
    tally.conv(in, img_channels, 1, r * r, true);
    tally.linear(w_dim, in);
  }
  return tally.cost;
}

StyleGan2DiscriminatorShape StyleGan2DiscriminatorShape::make(const StyleGan2Settings& s, Rational width) {
  return {s.resolution, s.img_channels, s.minibatch_std_group, channels_at(s, width)};
}

StyleGan2DiscriminatorShape StyleGan2DiscriminatorShape::from_json(const nlohmann::json& json,
                                                                   const std::string& origin) {
  StyleGan2DiscriminatorShape shape{};
  shape.resolution = resolution_of(json, origin);
  shape.img_channels = whole(json, "img_channels", 1, 4, origin);
  shape.minibatch_std_group = whole(json, "minibatch_std_group", 1, kMaxChannels, origin);
  shape.channels = channels_of(json, shape.resolution, origin);
  return shape;
}

nlohmann::json StyleGan2DiscriminatorShape::to_json() const {
  return {{"family", "stylegan2"},
          {"resolution", resolution},
          {"img_channels", img_channels},
          {"minibatch_std_group", minibatch_std_group},
          {"channels", channels_json(channels)}};
}

Cost StyleGan2DiscriminatorShape::cost() const {
  Tally tally;
  tally.conv(img_channels, channels.at(resolution), 1, resolution * resolution, true);
  for (int64_t r = resolution; r > 4; r /= 2) {
    const int64_t c = channels.at(r), out = channels.at(r / 2), half = (r / 2) * (r / 2);
    tally.conv(c, c, 3, r * r, true);
    tally.conv(c, out, 3, half, true);
    tally.conv(c, out, 1, half, false);
  }
  const int64_t c = channels.at(4);
  tally.conv(c + 1, c, 3, 16, true);
  tally.linear(c * 16, c);
  tally.linear(c, 1);
  return tally.cost;
}

}  // namespace dgl
