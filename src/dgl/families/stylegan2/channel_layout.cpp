#include <cstdint>
#include <string>

#include "dgl/families/stylegan2/networks.h"

namespace dgl {

namespace {

const ChannelAxis kFixed{};

ChannelAxis input(const std::string& group) { return {.group = group, .input = true}; }

/// Axes of an affine map from styles to the scales of `group`.
void put_affine(ChannelLayout& layout, const std::string& layer, const std::string& group) {
  layout[layer + ".affine.weight"] = {{group}, kFixed};
  layout[layer + ".affine.bias"] = {{group}};
}

/// Axes of a modulated 3x3 convolution.
void put_synthesis_layer(ChannelLayout& layout, const std::string& layer, const std::string& in,
                         const std::string& out) {
  put_affine(layout, layer, in);
  layout[layer + ".weight"] = {
      {out}, {.group = in, .input = true, .scaled_by = layer + ".affine.bias"}, kFixed, kFixed};
  layout[layer + ".bias"] = {{out}};
}

void put_conv(ChannelLayout& layout, const std::string& layer, const ChannelAxis& in, const std::string& out) {
  layout[layer + ".weight"] = {{out}, in, kFixed, kFixed};
  layout[layer + ".bias"] = {{out}};
}

}  // namespace

ChannelLayout StyleGan2Generator::channel_layout() const {
  ChannelLayout layout;
  std::string in = "const";
  layout["synthesis.const"] = {{in}, kFixed, kFixed};
  for (const auto& [r, channels] : shape_.channels) {
    const std::string block = "synthesis.b" + std::to_string(r);
    if (r > 4) {
      put_synthesis_layer(layout, block + ".conv0", in, block + ".conv0");
      in = block + ".conv0";
    }
    put_synthesis_layer(layout, block + ".conv1", in, block + ".conv1");
    in = block + ".conv1";
    put_affine(layout, block + ".torgb", in);
    layout[block + ".torgb.weight"] = {
        kFixed, {.group = in, .input = true, .scaled_by = block + ".torgb.affine.bias"}, kFixed, kFixed};
  }
  return layout;
}

ChannelLayout StyleGan2Discriminator::channel_layout() const {
  ChannelLayout layout;
  const auto name = [](int64_t r) { return "b" + std::to_string(r); };
  put_conv(layout, name(shape_.resolution) + ".fromrgb", kFixed, name(shape_.resolution));
  for (int64_t r = shape_.resolution; r > 4; r /= 2) {
    put_conv(layout, name(r) + ".conv0", input(name(r)), name(r) + ".conv0");
    put_conv(layout, name(r) + ".conv1", input(name(r) + ".conv0"), name(r / 2));
    if (shape_.residual) layout[name(r) + ".skip.weight"] = {{name(r / 2)}, input(name(r)), kFixed, kFixed};
  }
  // Behind the feature maps stand those of the minibatch's deviation.
  put_conv(layout, "b4.conv", {.group = "b4", .input = true, .extra = shape_.minibatch_std_channels}, "b4.conv");
  layout["b4.fc.weight"] = {{"b4.fc"}, {.group = "b4.conv", .input = true, .repeats = 16}};
  layout["b4.fc.bias"] = {{"b4.fc"}};
  if (shape_.mapping.classes == 0) {
    layout["b4.out.weight"] = {kFixed, input("b4.fc")};
    return layout;
  }
  // The score is a product of two vectors of the mapping's last width.
  const size_t layers = shape_.mapping.widths.size();
  const auto mapped = [&](size_t layer) { return "mapping.fc" + std::to_string(layer); };
  layout["mapping.embed.weight"] = {{"mapping.embed"}, kFixed};
  layout["mapping.embed.bias"] = {{"mapping.embed"}};
  for (size_t i = 0; i < layers; ++i) {
    layout[mapped(i) + ".weight"] = {{mapped(i)}, input(i == 0 ? "mapping.embed" : mapped(i - 1))};
    layout[mapped(i) + ".bias"] = {{mapped(i)}};
  }
  layout["b4.out.weight"] = {{mapped(layers - 1)}, input("b4.fc")};
  layout["b4.out.bias"] = {{mapped(layers - 1)}};
  return layout;
}

}  // namespace dgl
