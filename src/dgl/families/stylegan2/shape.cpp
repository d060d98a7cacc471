#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

namespace {

constexpr int64_t kMaxChannels = 4096, kMaxLayers = 64, kMaxClasses = 1'000'000;

std::map<int64_t, int64_t> channels_at(const StyleGan2Settings& s, int64_t base, Rational width) {
  std::map<int64_t, int64_t> channels;
  for (int64_t r = 4; r <= s.resolution; r *= 2) {
    const int64_t full = std::min(base / r, s.channel_max);
    channels[r] = width.of(full);
    if (channels[r] < 1) {
      fail("width {}: {} feature maps at {} x {} would be left with none", width.text(), full, r, r);
    }
  }
  return channels;
}

/// Reads the channels at `first`, 2 * first, …, `resolution` under `key`. Returns `default_value` if the key is absent.
std::map<int64_t, int64_t> channels_of(const TableReader& settings, const char* key, int64_t first, int64_t resolution,
                                       const std::map<int64_t, int64_t>* default_value) {
  if (default_value && !settings.find(key)) return *default_value;
  const TableReader table = settings.object(key);
  std::map<int64_t, int64_t> channels;
  for (int64_t r = first; r <= resolution; r *= 2) channels[r] = table.integer(std::to_string(r), 1, kMaxChannels);
  return channels;
}

std::map<int64_t, int64_t> without_first(std::map<int64_t, int64_t> channels) {
  channels.erase(channels.begin());
  return channels;
}

StyleGan2MappingShape uniform_mapping(int64_t z_dim, int64_t w_dim, int64_t layers) {
  return {z_dim, std::vector<int64_t>(static_cast<size_t>(layers), w_dim), 0, 0};
}

/// Adds the labels of `s` to a mapping.
StyleGan2MappingShape with_labels(StyleGan2MappingShape shape, const StyleGan2Settings& s) {
  shape.classes = s.classes;
  if (s.classes > 0) shape.embed_dim = s.label_embed > 0 ? s.label_embed : shape.w_dim();
  return shape;
}

/// Reads "w_dim" and "mapping_layers", or "mapping_widths" if the layers differ, and "classes" and "embed_dim" with
/// labels.
StyleGan2MappingShape mapping_of(const TableReader& settings, int64_t z_dim, const std::string& origin) {
  StyleGan2MappingShape shape = uniform_mapping(z_dim, settings.integer("w_dim", 1, kMaxChannels),
                                                settings.integer("mapping_layers", 1, kMaxLayers));
  shape.classes = settings.integer_or("classes", 0, 0, kMaxClasses);
  if (shape.classes > 0) shape.embed_dim = settings.integer("embed_dim", 1, kMaxChannels);
  if (settings.find("mapping_widths")) {
    const auto widths = settings.integers("mapping_widths", 1, kMaxChannels, kMaxLayers);
    if (widths.size() != shape.widths.size() || widths.back() != shape.w_dim()) {
      fail("{}: network setting mapping_widths: expected mapping_layers numbers, the last w_dim", origin);
    }
    shape.widths = widths;
  }
  return shape;
}

void put_mapping(nlohmann::json& json, const StyleGan2MappingShape& shape) {
  json["w_dim"] = shape.w_dim();
  json["mapping_layers"] = shape.widths.size();
  if (std::any_of(shape.widths.begin(), shape.widths.end(), [&](int64_t w) { return w != shape.w_dim(); })) {
    json["mapping_widths"] = shape.widths;
  }
  if (shape.classes > 0) {
    json["classes"] = shape.classes;
    json["embed_dim"] = shape.embed_dim;
  }
}

nlohmann::json channels_json(const std::map<int64_t, int64_t>& channels) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [r, c] : channels) json[std::to_string(r)] = c;
  return json;
}

/// Sums costs, including those of mapping networks.
struct StyleGan2CostCounter : CostCounter {
  void mapping(const StyleGan2MappingShape& shape) {
    int64_t in = shape.z_dim;
    if (shape.classes > 0) {
      cost.params += shape.classes * shape.embed_dim + shape.embed_dim;  // looked up, not multiplied
      in += shape.embed_dim;
    }
    for (const int64_t out : shape.widths) {
      linear(in, out);
      in = out;
    }
  }
};

}  // namespace

StyleGan2GeneratorShape StyleGan2GeneratorShape::make(const StyleGan2Settings& s, Rational width,
                                                      bool narrow_constant) {
  StyleGan2GeneratorShape shape{s.resolution,
                                s.img_channels,
                                with_labels(uniform_mapping(s.z_dim, s.w_dim, s.mapping_layers), s),
                                0,
                                channels_at(s, s.base_of_generator(), width),
                                {}};
  shape.up_channels = without_first(shape.channels);
  shape.const_channels = narrow_constant ? shape.channels.at(4) : std::min(s.channel_base / 4, s.channel_max);
  return shape;
}

StyleGan2GeneratorShape StyleGan2GeneratorShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  StyleGan2GeneratorShape shape{};
  shape.resolution = resolution_of(settings, origin);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.mapping = mapping_of(settings, settings.integer("z_dim", 1, kMaxChannels), origin);
  shape.const_channels = settings.integer("const_channels", 1, kMaxChannels);
  shape.channels = channels_of(settings, "channels", 4, shape.resolution, nullptr);
  const auto usual = without_first(shape.channels);
  shape.up_channels = channels_of(settings, "up_channels", 8, shape.resolution, &usual);
  return shape;
}

nlohmann::json StyleGan2GeneratorShape::to_json() const {
  nlohmann::json json = {
      {"family", "stylegan2"},  {"resolution", resolution},         {"img_channels", img_channels},
      {"z_dim", mapping.z_dim}, {"const_channels", const_channels}, {"channels", channels_json(channels)}};
  put_mapping(json, mapping);
  if (up_channels != without_first(channels)) json["up_channels"] = channels_json(up_channels);
  return json;
}

int64_t StyleGan2GeneratorShape::num_ws() const { return 2 * static_cast<int64_t>(channels.size()); }

Cost StyleGan2GeneratorShape::cost() const {
  StyleGan2CostCounter counter;
  counter.mapping(mapping);
  const int64_t w_dim = mapping.w_dim();
  counter.cost.params += const_channels * 16;
  // Adds a synthesis layer: convolution, bias, noise strength, affine.
  const auto layer = [&](int64_t in, int64_t out, int64_t pixels) {
    counter.conv(in, out, 3, pixels, true);
    counter.cost.params += 1;
    counter.linear(w_dim, in);
  };
  int64_t in = const_channels;
  for (const auto& [r, out] : channels) {
    if (r > 4) {
      layer(in, up_channels.at(r), (r / 2) * (r / 2));
      in = up_channels.at(r);
    }
    layer(in, out, r * r);
    in = out;
    counter.conv(in, img_channels, 1, r * r, true);
    counter.linear(w_dim, in);
  }
  return counter.cost;
}

StyleGan2DiscriminatorShape StyleGan2DiscriminatorShape::make(const StyleGan2Settings& s, Rational width) {
  const auto channels = channels_at(s, s.channel_base, width);
  const StyleGan2MappingShape mapping =
      s.classes > 0 ? with_labels(uniform_mapping(0, channels.at(4), s.label_layers), s) : StyleGan2MappingShape{};
  return {s.resolution, s.img_channels, s.minibatch_std_group, channels, channels, channels.at(4), 1, true, mapping};
}

StyleGan2DiscriminatorShape StyleGan2DiscriminatorShape::from_json(const nlohmann::json& json,
                                                                   const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  StyleGan2DiscriminatorShape shape{};
  shape.resolution = resolution_of(settings, origin);
  shape.img_channels = settings.integer("img_channels", 1, 4);
  shape.minibatch_std_group = settings.integer("minibatch_std_group", 1, kMaxChannels);
  shape.channels = channels_of(settings, "channels", 4, shape.resolution, nullptr);
  shape.hidden = channels_of(settings, "hidden_channels", 4, shape.resolution, &shape.channels);
  shape.fc_features = settings.integer_or("fc_features", shape.hidden.at(4), 1, kMaxChannels);
  shape.minibatch_std_channels = settings.integer_or("minibatch_std_channels", 1, 0, kMaxChannels);
  if (shape.minibatch_std_channels > 0 && shape.channels.at(4) % shape.minibatch_std_channels != 0) {
    fail("{}: network setting minibatch_std_channels = {}: expected a divisor of the {} feature maps at 4 x 4", origin,
         shape.minibatch_std_channels, shape.channels.at(4));
  }
  shape.residual = settings.boolean("residual").value_or(true);
  if (settings.integer_or("classes", 0, 0, kMaxClasses) > 0) shape.mapping = mapping_of(settings, 0, origin);
  return shape;
}

nlohmann::json StyleGan2DiscriminatorShape::to_json() const {
  nlohmann::json json = {{"family", "stylegan2"},
                         {"resolution", resolution},
                         {"img_channels", img_channels},
                         {"minibatch_std_group", minibatch_std_group},
                         {"channels", channels_json(channels)}};
  if (hidden != channels) json["hidden_channels"] = channels_json(hidden);
  if (fc_features != hidden.at(4)) json["fc_features"] = fc_features;
  if (minibatch_std_channels != 1) json["minibatch_std_channels"] = minibatch_std_channels;
  if (!residual) json["residual"] = false;
  if (mapping.classes > 0) put_mapping(json, mapping);
  return json;
}

Cost StyleGan2DiscriminatorShape::cost() const {
  StyleGan2CostCounter counter;
  counter.conv(img_channels, channels.at(resolution), 1, resolution * resolution, true);
  for (int64_t r = resolution; r > 4; r /= 2) {
    const int64_t c = channels.at(r), middle = hidden.at(r), out = channels.at(r / 2), half = (r / 2) * (r / 2);
    counter.conv(c, middle, 3, r * r, true);
    counter.conv(middle, out, 3, half, true);
    if (residual) counter.conv(c, out, 1, half, false);
  }
  counter.mapping(mapping);
  counter.conv(channels.at(4) + minibatch_std_channels, hidden.at(4), 3, 16, true);
  counter.linear(hidden.at(4) * 16, fc_features);
  counter.linear(fc_features, mapping.classes > 0 ? mapping.w_dim() : 1);
  return counter.cost;
}

}  // namespace dgl
