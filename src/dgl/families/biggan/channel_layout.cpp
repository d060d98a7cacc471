#include <cstdint>
#include <string>

#include "dgl/families/biggan/networks.h"

namespace dgl {

namespace {

const ChannelAxis kFixed{};

/// Axes of a spectrally normalized convolution; its vector has an entry for each output.
void put_conv(ChannelLayout& layout, const std::string& layer, ChannelAxis in, const ChannelAxis& out,
              bool has_bias = true) {
  in.input = !in.group.empty();
  layout[layer + ".weight"] = {out, in, kFixed, kFixed};
  layout[layer + ".u0"] = {kFixed, out};
  if (has_bias) layout[layer + ".bias"] = {out};
}

void put_statistics(ChannelLayout& layout, const std::string& norm, const std::string& group) {
  layout[norm + ".stored_mean"] = {{group}};
  layout[norm + ".stored_var"] = {{group}};
}

void put_conditional_norm(ChannelLayout& layout, const std::string& norm, const std::string& group, bool tables) {
  put_statistics(layout, norm, group);
  for (const char* part : {".gain", ".bias"}) {
    if (tables) {
      // Rows are labels.
      layout[norm + part + ".weight"] = {kFixed, {group}};
    } else {
      layout[norm + part + ".weight"] = {{group}, kFixed};
      layout[norm + part + ".u0"] = {kFixed, {group}};
    }
  }
}

void put_attention(ChannelLayout& layout, const std::string& layer, const std::string& group) {
  for (const char* query_or_key : {".theta", ".phi"}) {
    put_conv(layout, layer + query_or_key, {group}, {layer + ".query"}, false);
  }
  put_conv(layout, layer + ".g", {group}, {layer + ".value"}, false);
  put_conv(layout, layer + ".o", {layer + ".value"}, {group}, false);
}

std::string block_name(size_t i) { return "blocks." + std::to_string(i); }

}  // namespace

ChannelLayout BigGanGenerator::channel_layout() const {
  ChannelLayout layout;
  std::string in = "linear";
  layout["linear.weight"] = {{.group = in, .repeats = 16}, kFixed};
  layout["linear.bias"] = {{.group = in, .repeats = 16}};
  layout["linear.u0"] = {kFixed, {.group = in, .repeats = 16}};
  for (size_t i = 0; i < shape_.channels.size(); ++i) {
    const std::string out = block_name(i), block = out + ".0", hidden = block + ".conv1";
    put_conditional_norm(layout, block + ".bn1", in, shape_.condition_dim() == 0);
    put_conv(layout, block + ".conv1", {in}, {hidden});
    put_conditional_norm(layout, block + ".bn2", hidden, shape_.condition_dim() == 0);
    put_conv(layout, block + ".conv2", {hidden}, {out});
    put_conv(layout, block + ".conv_sc", {in}, {out});
    if (attention_[i]) put_attention(layout, out + ".1", out);
    in = out;
  }
  put_statistics(layout, "output_layer.0", in);
  layout["output_layer.0.gain"] = {{in}};
  layout["output_layer.0.bias"] = {{in}};
  put_conv(layout, "output_layer.2", {.group = in, .scaled_by = "output_layer.0.gain"}, kFixed);
  return layout;
}

ChannelLayout BigGanDiscriminator::channel_layout() const {
  ChannelLayout layout;
  ChannelAxis in = kFixed;
  for (size_t i = 0; i < shape_.channels.size(); ++i) {
    // A block that adds its input unchanged keeps the channels of its input.
    const bool shortcut = blocks_[i]->has_shortcut();
    const std::string out = shortcut ? block_name(i) : in.group, block = block_name(i) + ".0",
                      hidden = block + ".conv1";
    put_conv(layout, hidden, in, {hidden});
    put_conv(layout, block + ".conv2", {hidden}, {out});
    if (shortcut) put_conv(layout, block + ".conv_sc", in, {out});
    if (attention_[i]) put_attention(layout, block_name(i) + ".1", out);
    in = {out};
  }
  in.input = true;
  layout["linear.weight"] = {kFixed, in};
  layout["embed.weight"] = {kFixed, in};
  return layout;
}

}  // namespace dgl
