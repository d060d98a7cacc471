#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/vae/checkpoint_import.h"
#include "dgl/families/vae/tiny_networks.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

namespace {

/// A program whose files hold the layers of a tiny autoencoder by their numbers.
class TinyFormat : public CheckpointFormat {
 public:
  std::vector<Prefix> prefixes() const override { return {{"encoder.", {"encoder"}}, {"decoder.", {"decoder"}}}; }
  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override;
  bool can_export() const override { return true; }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override;

 protected:
  /// The prefix of a network's tensors in a file of several networks, or of one.
  virtual std::string prefix_of(const std::string& slot, size_t networks) const = 0;
  /// The name of a layer in the state dict of the network in `slot`.
  virtual std::string layer_name(const std::string& slot, int64_t layer) const = 0;

 private:
  NameInFile name_in_file(const std::string& slot) const {
    return [this, slot](const std::string& own) {
      const size_t dot = own.find('.');
      return layer_name(slot, std::stoll(own.substr(0, dot))) + own.substr(dot);
    };
  }
  TinyShape shape_of(const StateDict& dict, const ImportOptions& options) const;
};

TinyShape TinyFormat::shape_of(const StateDict& dict, const ImportOptions& options) const {
  const TensorSizes size(dict.tensors, dict.origin);
  const std::string& slot = dict.role.slot;
  const bool encodes = slot == "encoder";
  int64_t layer = encodes ? 0 : 1;  // the first convolution
  const std::string first = layer_name(slot, layer) + ".weight";
  TinyShape shape{};
  shape.resolution = imported_vae_resolution(options, dict);
  shape.channels.push_back(size(first, 4, 0));
  // Blocks follow, and convolutions without bias between levels, up to the last convolution.
  constexpr int64_t kMost = UNetShape::kMaxLevels * (UNetShape::kMaxBlocks + 3);
  int64_t blocks = 0;  // of a level
  const auto has = [&](const char* tensor) { return size.has(layer_name(slot, layer) + tensor); };
  for (++layer; !has(".bias"); ++layer) {
    if (layer == kMost) fail("{}: the {} has no last convolution with a bias", dict.origin, slot);
    if (has(".conv.0.weight")) shape.blocks = std::max(shape.blocks, ++blocks);
    if (!has(".weight")) continue;
    shape.channels.push_back(size(layer_name(slot, layer) + ".weight", 4, 0));
    blocks = 0;
  }
  const std::string last = layer_name(slot, layer) + ".weight";
  shape.img_channels = encodes ? size(first, 4, 1) : size(last, 4, 0);
  shape.z_channels = encodes ? size(last, 4, 0) : size(first, 4, 1);
  if (!encodes) std::reverse(shape.channels.begin(), shape.channels.end());
  return TinyShape::from_json(shape.to_json(), dict.origin);
}

std::shared_ptr<Network> TinyFormat::import_network(const StateDict& dict, const ImportOptions& options) const {
  for (const auto& [name, tensor] : dict.tensors) {
    if (name.find(".pool.") == std::string::npos) continue;
    fail("{}: tensor {}{}: of a TAESD with global pooling, as FLUX.2's, which dgl does not have", dict.origin,
         dict.prefix, name);
  }
  check_settings(dict, {{"act_fn", "relu", "relu"}, {"upsample_fn", "nearest", "nearest"}});
  const bool encodes = dict.role.slot == "encoder";
  const TinyShape shape = shape_of(dict, options);
  // Twice the numbers at hand bound what is allocated, and let fill_network() name tensors that are missing.
  check_size(encodes ? shape.encoder_cost() : shape.decoder_cost(), 2 * count_numbers(dict.tensors), dict.origin);
  std::shared_ptr<Network> network;
  if (encodes) {
    network = std::make_shared<TinyEncoder>(shape);
  } else {
    network = std::make_shared<TinyDecoder>(shape);
  }
  fill_network(*network, dict.tensors, dict, name(), name_in_file(dict.role.slot));
  return network;
}

TensorFile TinyFormat::export_model(const NetworkSet& model, const std::string& origin) const {
  const std::shared_ptr<Network> encoder = model.best<TinyEncoder>("encoder"),
                                 decoder = model.best<TinyDecoder>("decoder");
  if (!encoder && !decoder) fail("{}: has no tiny autoencoder, which {} holds", origin, name());
  TensorFile out;
  const auto put = [&](const std::string& slot, const std::shared_ptr<Network>& network) {
    if (!network) return;
    TensorFile ours;
    put_module(ours, "", *network);
    const std::string prefix = prefix_of(slot, encoder && decoder ? 2 : 1);
    for (const auto& [own, tensor] : ours.tensors) out.tensors[prefix + name_in_file(slot)(own)] = tensor;
  };
  put("encoder", encoder);
  put("decoder", decoder);
  return out;
}

class TaesdFormat : public TinyFormat {
 public:
  std::string name() const override { return "taesd"; }
  std::vector<Signature> signatures() const override {
    return {{"1.conv.0.weight", "encoder"}, {"3.conv.0.weight", "decoder"}};
  }

 protected:
  std::string prefix_of(const std::string& slot, size_t networks) const override {
    return networks == 1 ? "" : slot + ".";
  }
  std::string layer_name(const std::string&, int64_t layer) const override { return std::to_string(layer); }
};

class DiffusersTinyFormat : public TinyFormat {
 public:
  std::string name() const override { return "diffusers-tiny"; }
  std::vector<Signature> signatures() const override {
    return {{"layers.1.conv.0.weight", "encoder"}, {"layers.2.conv.0.weight", "decoder"}};
  }
  bool has_settings() const override { return true; }
  nlohmann::json export_settings(const NetworkSet& model, const std::string& origin) const override {
    const auto encoder = model.best<TinyEncoder>("encoder");
    const auto decoder = model.best<TinyDecoder>("decoder");
    if (!encoder || !decoder) fail("{}: the settings of {} are of an encoder and a decoder", origin, name());
    const auto blocks = [](const TinyShape& shape) {
      std::vector<int64_t> numbers(shape.channels.size(), shape.blocks);
      numbers.front() = 1;
      return numbers;
    };
    const TinyShape &encodes = encoder->shape(), &decodes = decoder->shape();
    std::vector<int64_t> decoder_blocks = blocks(decodes);
    std::reverse(decoder_blocks.begin(), decoder_blocks.end());
    return {{"_class_name", "AutoencoderTiny"},
            {"act_fn", "relu"},
            {"in_channels", encodes.img_channels},
            {"out_channels", decodes.img_channels},
            {"latent_channels", encodes.z_channels},
            {"encoder_block_out_channels", encodes.channels},
            {"decoder_block_out_channels", decodes.channels},
            {"num_encoder_blocks", blocks(encodes)},
            {"num_decoder_blocks", decoder_blocks}};
  }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override {
    const auto check = [&](const std::string& slot, const std::vector<int64_t>& channels) {
      if (std::set<int64_t>(channels.begin(), channels.end()).size() == 1) return;
      fail("{}: the {} has levels of different channels ({}), for which {} has one number", origin, slot,
           fmt::join(channels, ", "), name());
    };
    if (const auto encoder = model.best<TinyEncoder>("encoder")) check("encoder", encoder->shape().channels);
    if (const auto decoder = model.best<TinyDecoder>("decoder")) check("decoder", decoder->shape().channels);
    return TinyFormat::export_model(model, origin);
  }

 protected:
  std::string prefix_of(const std::string& slot, size_t) const override { return slot + "."; }
  std::string layer_name(const std::string& slot, int64_t layer) const override {
    // The clamp in front of TAESD's decoder is not among these layers.
    return fmt::format("layers.{}", slot == "encoder" ? layer : layer - 1);
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> taesd_format() { return std::make_shared<TaesdFormat>(); }

std::shared_ptr<const CheckpointFormat> diffusers_tiny_format() { return std::make_shared<DiffusersTinyFormat>(); }

}  // namespace dgl
