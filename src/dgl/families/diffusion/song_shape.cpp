#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/diffusion/song_denoiser.h"
#include "dgl/nn/settings.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {

namespace {

/// "32x32", as the program names the layers of feature maps of this side.
std::string of_side(int64_t side) { return fmt::format("{}x{}", side, side); }

}  // namespace

const std::vector<SongArchitecture>& song_architectures() {
  static const std::vector<SongArchitecture> all{
      {.name = "ddpm++", .random_frequencies = false, .noise_multiple = 1, .pyramid = false, .taps = {0.5, 0.5}},
      {.name = "ncsn++", .random_frequencies = true, .noise_multiple = 2, .pyramid = true, .taps = ops::fir_1331()}};
  return all;
}

std::vector<std::string> song_architecture_names() {
  std::vector<std::string> names;
  for (const auto& architecture : song_architectures()) names.push_back(architecture.name);
  return names;
}

const SongArchitecture* find_song_architecture(const std::string& name) {
  for (const auto& architecture : song_architectures()) {
    if (architecture.name == name) return &architecture;
  }
  return nullptr;
}

std::string pyramid_name(const SongBlockForm& form) { return "enc." + of_side(form.side) + "_aux_residual"; }

SongShape SongShape::make(const DenoiserSettings& s, Rational width) {
  nlohmann::json json = DenoiserShape::make(s, width).to_json();
  json["architecture"] = s.architecture;
  return from_json(json, "the recipe");
}

SongShape SongShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
  SongShape shape{};
  static_cast<DenoiserShape&>(shape) = DenoiserShape::from_settings(settings, origin);
  const std::string name = settings.required_text("architecture");
  shape.architecture = find_song_architecture(name);
  if (!shape.architecture) {
    fail("{}: network setting architecture = \"{}\": expected {}", origin, name,
         fmt::join(song_architecture_names(), " or "));
  }
  if (shape.noise_channels() < 4 || shape.noise_channels() % 2 != 0) {
    fail("{}: times are embedded in {} numbers; expected an even number of 4 or more, for sines and cosines", origin,
         shape.noise_channels());
  }
  if (shape.architecture->random_frequencies && shape.precondition != Precondition::edm) {
    fail("{}: network setting precondition = \"{}\": expected edm, whose times are those that {} embeds", origin,
         to_text(shape.precondition), name);
  }
  return shape;
}

nlohmann::json SongShape::to_json() const {
  nlohmann::json json = DenoiserShape::to_json();
  json["architecture"] = architecture->name;
  return json;
}

std::string SongShape::first_name() const { return "enc." + of_side(resolution) + "_conv"; }
std::string SongShape::last_norm_name() const { return "dec." + of_side(resolution) + "_aux_norm"; }
std::string SongShape::last_name() const { return "dec." + of_side(resolution) + "_aux_conv"; }

std::vector<SongBlockForm> SongShape::encoder() const {
  std::vector<SongBlockForm> forms;
  int64_t in = first_channels, image = img_channels;
  for (int64_t level = 0; level < levels(); ++level) {
    const int64_t side = resolution >> level;
    const std::string prefix = "enc." + of_side(side) + "_";
    if (level > 0) {
      forms.push_back({.name = prefix + "down", .in = in, .out = in, .side = side, .resizing = Resizing::halve});
      if (architecture->pyramid) forms.back().pyramid = image;
      image = in;
    }
    for (int64_t i = 0; i < blocks; ++i) {
      const int64_t out = channels[static_cast<size_t>(level)];
      forms.push_back({.name = prefix + "block" + std::to_string(i),
                       .in = in,
                       .out = out,
                       .side = side,
                       .attends = attends(level)});
      in = out;
    }
  }
  return forms;
}

std::vector<SongBlockForm> SongShape::decoder() const {
  std::vector<SongBlockForm> forms;
  std::vector<int64_t> rest = skips();
  int64_t in = channels.back();
  for (int64_t level = levels() - 1; level >= 0; --level) {
    const int64_t side = resolution >> level;
    const std::string prefix = "dec." + of_side(side) + "_";
    if (level == levels() - 1) {
      forms.push_back({.name = prefix + "in0", .in = in, .out = in, .side = side, .attends = true});
      forms.push_back({.name = prefix + "in1", .in = in, .out = in, .side = side});
    } else {
      forms.push_back({.name = prefix + "up", .in = in, .out = in, .side = side, .resizing = Resizing::twice});
    }
    for (int64_t i = 0; i <= blocks; ++i) {
      forms.push_back({.name = prefix + "block" + std::to_string(i),
                       .in = in + rest.back(),
                       .skip = rest.back(),
                       .out = channels[static_cast<size_t>(level)],
                       .side = side,
                       .attends = i == blocks && attends(level)});
      rest.pop_back();
      in = forms.back().out;
    }
  }
  return forms;
}

Cost SongShape::cost() const {
  CostCounter counter;
  counter.linear(noise_channels(), embedding());
  counter.linear(embedding(), embedding());
  if (classes > 0) counter.cost.params += (classes + 1) * noise_channels();
  counter.conv(img_channels, first_channels, 3, resolution * resolution, true);
  for (const auto& forms : {encoder(), decoder()}) {
    for (const SongBlockForm& form : forms) {
      SongBlock::count(counter, form, embedding());
      if (form.pyramid > 0) counter.conv(form.pyramid, form.out, 3, form.side * form.side, true);
    }
  }
  count_norm(counter, channels.front());
  counter.conv(channels.front(), img_channels, 3, resolution * resolution, true);
  return counter.cost;
}

}  // namespace dgl
