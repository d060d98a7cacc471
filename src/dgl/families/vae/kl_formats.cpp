#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/vae/checkpoint_import.h"
#include "dgl/families/vae/kl_networks.h"
#include "dgl/nn/patch_discriminator.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

int64_t imported_vae_resolution(const ImportOptions& options, const StateDict& dict) {
  constexpr int64_t kUsual = 256;
  return options.resolution > 0 ? options.resolution : number_setting(dict, "sample_size", kUsual);
}

namespace {

/// The 1x1 convolution between a network and the latents, which stands beside it in the file.
std::string latent_convolution(const std::string& slot) { return slot == "encoder" ? "quant_conv" : "post_quant_conv"; }

/// How a file names the tensors of one network.
struct KlNames {
  std::string slot;
  int64_t levels = 0;     ///< of the network; 0 where names do not depend on it
  bool older = false;     ///< whether they are of an earlier version of the program
  bool matrices = false;  ///< whether attention's weights are [C, C] and not [C, C, 1, 1]
};

/// A program that keeps an AutoencoderKL under "encoder." and "decoder.", with the 1x1 convolutions beside them.
class KlFormat : public CheckpointFormat {
 public:
  std::vector<Prefix> prefixes() const override {
    std::vector<Prefix> all;
    for (const std::string& place : places()) {
      for (const char* slot : {"encoder", "decoder"}) all.push_back({place + slot + ".", {slot}});
    }
    return all;
  }
  std::vector<std::string> other_tensors() const override {
    std::vector<std::string> all;
    for (const std::string& place : places()) {
      for (const char* slot : {"encoder", "decoder"}) {
        for (const char* part : {".weight", ".bias"}) all.push_back(place + latent_convolution(slot) + part);
      }
    }
    return all;
  }
  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override;
  bool can_export() const override { return true; }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override;

 protected:
  /// Where files keep the autoencoder.
  virtual std::vector<std::string> places() const = 0;
  /// The names of a state dict of the network in `slot`.
  virtual KlNames names_of(const std::string& slot, const NamedTensors& tensors) const = 0;
  /// The names of a network that is written.
  virtual KlNames names_for(const std::string& slot, const KlShape& shape) const = 0;
  /// The name of a tensor in its network's state dict.
  virtual std::string network_tensor(const KlNames& names, const std::string& own) const = 0;
  /// What of a network the program cannot express; empty if nothing.
  virtual std::string objection(const KlShape& shape, bool encodes) const = 0;

 private:
  static KlShape shape_of(const StateDict& whole, const NameInFile& name_in_file, bool encodes, int64_t resolution);
  /// The name of a tensor beside the other network's and the 1x1 convolutions'.
  NameInFile name_in_file(const KlNames& names) const {
    return [this, names](const std::string& own) {
      return own.starts_with(latent_convolution(names.slot)) ? own : names.slot + "." + network_tensor(names, own);
    };
  }
};

bool is_attention_matrix(const std::string& own) {
  return own.find("attn") != std::string::npos && own.ends_with(".weight") && own.find(".norm.") == std::string::npos;
}

std::shared_ptr<Network> KlFormat::import_network(const StateDict& dict, const ImportOptions& options) const {
  const std::string& slot = dict.role.slot;
  const KlNames names = names_of(slot, dict.tensors);
  check_settings(dict, {{"act_fn", "silu", "silu"},
                        {"mid_block_add_attention", true, true},
                        {"use_quant_conv", true, true},
                        {"use_post_quant_conv", true, true}});
  StateDict whole{dict.role,    {}, {}, dict.origin, dict.prefix.substr(0, dict.prefix.size() - slot.size() - 1),
                  dict.settings};
  for (const auto& [name, tensor] : dict.tensors) whole.tensors.emplace(slot + "." + name, tensor);
  for (const char* part : {".weight", ".bias"}) {
    const std::string name = latent_convolution(slot) + part;
    const auto found = dict.others.find(whole.prefix + name);
    if (found != dict.others.end()) whole.tensors.emplace(name, found->second);
  }
  const bool encodes = slot == "encoder";
  const KlShape shape = shape_of(whole, name_in_file(names), encodes, imported_vae_resolution(options, whole));
  // Twice the numbers at hand bound what is allocated, and let fill_network() name tensors that are missing.
  check_size(encodes ? shape.encoder_cost() : shape.decoder_cost(), 2 * count_numbers(whole.tensors), dict.origin);
  std::shared_ptr<Network> network;
  if (encodes) {
    network = std::make_shared<KlEncoder>(shape);
  } else {
    network = std::make_shared<KlDecoder>(shape);
  }
  for (const auto& item : network->named_parameters()) {
    if (!names.matrices || !is_attention_matrix(item.key())) continue;
    const auto found = whole.tensors.find(name_in_file(names)(item.key()));
    if (found != whole.tensors.end() && found->second.dim() == 2) {
      found->second = found->second.unsqueeze(-1).unsqueeze(-1);
    }
  }
  fill_network(*network, whole.tensors, whole, name(), name_in_file(names));
  return network;
}

KlShape KlFormat::shape_of(const StateDict& whole, const NameInFile& name_in_file, bool encodes, int64_t resolution) {
  const TensorSizes sizes(whole.tensors, whole.origin);
  const auto has = [&](const std::string& own) { return sizes.has(name_in_file(own)); };
  const auto size = [&](const std::string& own, int64_t which) { return sizes(name_in_file(own), 4, which); };
  const char* const levels = encodes ? "down" : "up";
  const auto convolution_of = [&](int64_t level, int64_t i) {
    return fmt::format("{}.{}.block.{}.conv1.weight", levels, level, i);
  };
  KlShape shape{};
  shape.resolution = resolution;
  constexpr int64_t kMost = 64;  // of levels and blocks; KlShape::from_json() knows what is allowed
  for (int64_t level = 0; level < kMost && has(convolution_of(level, 0)); ++level) {
    shape.channels.push_back(size(convolution_of(level, 0), 0));
    if (has(fmt::format("{}.{}.attn.0.q.weight", levels, level))) shape.attention.push_back(level);
  }
  while (shape.blocks < kMost && has(convolution_of(0, shape.blocks))) ++shape.blocks;
  if (!encodes) --shape.blocks;
  const std::string convolution = latent_convolution(encodes ? "encoder" : "decoder") + ".weight";
  if (encodes) {
    shape.img_channels = size("conv_in.weight", 1);
    shape.first_channels = size("conv_in.weight", 0);
    shape.z_channels = size("conv_out.weight", 0) / 2;
    shape.embed_dim = size(convolution, 0) / 2;
  } else {
    shape.img_channels = size("conv_out.weight", 0);
    shape.first_channels = shape.channels.empty() ? 1 : shape.channels.front();  // an encoder's, which is not here
    shape.z_channels = size("conv_in.weight", 1);
    shape.embed_dim = size(convolution, 1);
  }
  shape.groups = {.most = number_setting(whole, "norm_num_groups", 32), .channels = 1};
  return KlShape::from_json(shape.to_json(), whole.origin);
}

/// The numbers of groups that a network's norms have.
std::set<int64_t> group_counts(const KlShape& shape, bool encodes) {
  std::set<int64_t> counts;
  if (encodes) counts.insert(shape.groups.groups(shape.first_channels));
  for (const int64_t channels : shape.channels) counts.insert(shape.groups.groups(channels));
  return counts;
}

/// Whether one description serves for an encoder and a decoder.
bool fit_each_other(const KlShape& encoder, const KlShape& decoder) {
  return encoder.sizes() == decoder.sizes() && encoder.channels == decoder.channels &&
         encoder.blocks == decoder.blocks && encoder.attention == decoder.attention &&
         encoder.z_channels == decoder.z_channels;
}

TensorFile KlFormat::export_model(const NetworkSet& model, const std::string& origin) const {
  const auto encoder = model.best<KlEncoder>("encoder");
  const auto decoder = model.best<KlDecoder>("decoder");
  if (!encoder && !decoder) fail("{}: has no AutoencoderKL, which {} holds", origin, name());
  if (encoder && decoder && !fit_each_other(encoder->shape(), decoder->shape())) {
    fail("{}: its encoder and decoder have different shapes, for which {} has one; export them apart by --network",
         origin, name());
  }
  TensorFile out;
  const auto put = [&](const std::string& slot, const Network& network, const KlShape& shape) {
    if (const std::string reason = objection(shape, slot == "encoder"); !reason.empty()) {
      fail("{}: the {} has {}", origin, slot, reason);
    }
    const KlNames names = names_for(slot, shape);
    TensorFile ours;
    put_module(ours, "", network);
    for (const auto& [own, tensor] : ours.tensors) {
      out.tensors[name_in_file(names)(own)] = names.matrices && is_attention_matrix(own) ? tensor.flatten(1) : tensor;
    }
  };
  if (encoder) put("encoder", *encoder, encoder->shape());
  if (decoder) put("decoder", *decoder, decoder->shape());
  return out;
}

class LatentDiffusionFormat : public KlFormat {
 public:
  std::string name() const override { return "latent-diffusion"; }
  std::vector<Signature> signatures() const override {
    return {{"down.0.block.0.norm1.weight", "encoder"},
            {"up.0.block.0.norm1.weight", "decoder"},
            {"main.0.weight", "discriminator"}};
  }
  std::vector<Prefix> prefixes() const override {
    std::vector<Prefix> all = KlFormat::prefixes();
    for (const std::string& place : places()) all.push_back({place + kDiscriminator, {"discriminator"}});
    return all;
  }
  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override {
    if (dict.role.slot != "discriminator") return KlFormat::import_network(dict, options);
    NamedTensors tensors = dict.tensors;
    std::erase_if(tensors, [](const auto& item) { return item.first.ends_with(".num_batches_tracked"); });
    const auto shape = patch_discriminator_shape(tensors, imported_vae_resolution(options, dict), dict.origin);
    check_size(shape.cost(), count_numbers(tensors), dict.origin);
    const auto network = std::make_shared<PatchDiscriminator>(shape, "vae");
    fill_network(*network, tensors, dict, name());
    return network;
  }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override {
    TensorFile out = KlFormat::export_model(model, origin);
    const auto discriminator = model.network<PatchDiscriminator>("discriminator");
    if (discriminator) put_module(out, kDiscriminator, *discriminator);
    return out;
  }

 protected:
  /// That of Lightning, a bare state dict, and either within a diffusion model.
  std::vector<std::string> places() const override {
    return {"state_dict.first_stage_model.", "state_dict.", "first_stage_model.", ""};
  }
  KlNames names_of(const std::string& slot, const NamedTensors&) const override { return {.slot = slot}; }
  KlNames names_for(const std::string& slot, const KlShape&) const override { return {.slot = slot}; }
  std::string network_tensor(const KlNames&, const std::string& own) const override { return own; }
  std::string objection(const KlShape& shape, bool encodes) const override {
    constexpr int64_t kGroups = 32;  // in all its norms
    if (group_counts(shape, encodes) == std::set<int64_t>{kGroups}) return "";
    return fmt::format("norms of other than {} groups, which latent-diffusion does not have", kGroups);
  }

 private:
  static constexpr const char* kDiscriminator = "loss.discriminator.";
};

std::string joined(const std::vector<std::string>& parts, size_t from) {
  return fmt::format("{}", fmt::join(parts.begin() + static_cast<std::ptrdiff_t>(from), parts.end(), "."));
}

class DiffusersKlFormat : public KlFormat {
 public:
  std::string name() const override { return "diffusers-kl"; }
  std::vector<Signature> signatures() const override {
    return {{"down_blocks.0.resnets.0.norm1.weight", "encoder"}, {"up_blocks.0.resnets.0.norm1.weight", "decoder"}};
  }
  bool has_settings() const override { return true; }
  /// Without scaling_factor, which is a diffusion model's on these latents: diffusers takes Stable Diffusion's.
  nlohmann::json export_settings(const NetworkSet& model, const std::string& origin) const override {
    const auto encoder = model.best<KlEncoder>("encoder");
    const auto decoder = model.best<KlDecoder>("decoder");
    if (!encoder || !decoder) fail("{}: the settings of {} are of an encoder and a decoder", origin, name());
    const KlShape& shape = encoder->shape();
    const auto blocks = [&](const char* plain, const char* attends) {
      std::vector<std::string> names;
      for (int64_t level = 0; level < shape.levels(); ++level) {
        names.emplace_back(shape.attends(level) ? attends : plain);
      }
      return names;
    };
    std::vector<std::string> up = blocks("UpDecoderBlock2D", "AttnUpDecoderBlock2D");
    std::reverse(up.begin(), up.end());
    return {{"_class_name", "AutoencoderKL"},
            {"act_fn", "silu"},
            {"block_out_channels", shape.channels},
            {"down_block_types", blocks("DownEncoderBlock2D", "AttnDownEncoderBlock2D")},
            {"up_block_types", up},
            {"in_channels", shape.img_channels},
            {"out_channels", shape.img_channels},
            {"latent_channels", shape.z_channels},
            {"layers_per_block", shape.blocks},
            {"norm_num_groups", *group_counts(shape, /*encodes=*/true).begin()},
            {"sample_size", shape.resolution}};
  }

 protected:
  std::vector<std::string> places() const override { return {""}; }
  KlNames names_of(const std::string& slot, const NamedTensors& tensors) const override {
    KlNames names{.slot = slot, .older = tensors.count("mid_block.attentions.0.query.weight") != 0, .matrices = true};
    constexpr int64_t kMost = 64;
    while (names.levels < kMost && tensors.count(fmt::format("up_blocks.{}.resnets.0.conv1.weight", names.levels))) {
      ++names.levels;
    }
    return names;
  }
  KlNames names_for(const std::string& slot, const KlShape& shape) const override {
    return {.slot = slot, .levels = shape.levels(), .matrices = true};
  }
  /// "up.2.block.0.nin_shortcut.bias" becomes "up_blocks.1.resnets.0.conv_shortcut.bias", of four levels.
  std::string network_tensor(const KlNames& names, const std::string& own) const override {
    std::vector<std::string> parts;
    std::istringstream stream(own);
    for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
    if (parts[0] == "norm_out") return "conv_norm_out." + joined(parts, 1);
    if (parts[0] == "mid") {
      if (parts[1] == "attn_1") return "mid_block.attentions.0." + attention_tensor(names, joined(parts, 2));
      return "mid_block.resnets." + std::string(parts[1] == "block_1" ? "0." : "1.") + joined(parts, 2);
    }
    if (parts[0] != "down" && parts[0] != "up") return own;
    // A decoder's levels are numbered from the latents on.
    const std::string level = parts[0] == "down" ? "down_blocks." + parts[1]
                                                 : fmt::format("up_blocks.{}", names.levels - 1 - std::stoll(parts[1]));
    if (parts[2] == "attn") {
      return level + ".attentions." + parts[3] + "." + attention_tensor(names, joined(parts, 4));
    }
    if (parts[2] != "block") return level + "." + parts[2] + "rs.0." + joined(parts, 3);  // "downsample" and "upsample"
    if (parts[4] == "nin_shortcut") parts[4] = "conv_shortcut";
    return level + ".resnets." + joined(parts, 3);
  }
  std::string objection(const KlShape& shape, bool encodes) const override {
    if (group_counts(shape, encodes).size() != 1) {
      return "norms of different numbers of groups, for which diffusers has one";
    }
    if (shape.z_channels != shape.embed_dim) return "1x1 convolutions that change the number of channels";
    if (encodes && shape.first_channels != shape.channels.front()) {
      return "a first convolution of other feature maps than its first level's";
    }
    return "";
  }

 private:
  static std::string attention_tensor(const KlNames& names, const std::string& own) {
    struct Row {
      const char *ours, *theirs, *older;
    };
    constexpr Row kRows[] = {{"norm.", "group_norm.", "group_norm."},
                             {"q.", "to_q.", "query."},
                             {"k.", "to_k.", "key."},
                             {"v.", "to_v.", "value."},
                             {"proj_out.", "to_out.0.", "proj_attn."}};
    for (const auto& [ours, theirs, older] : kRows) {
      if (own.starts_with(ours)) return (names.older ? older : theirs) + own.substr(std::string(ours).size());
    }
    return own;
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> latent_diffusion_format() { return std::make_shared<LatentDiffusionFormat>(); }

std::shared_ptr<const CheckpointFormat> diffusers_kl_format() { return std::make_shared<DiffusersKlFormat>(); }

}  // namespace dgl
