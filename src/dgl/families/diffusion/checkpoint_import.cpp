#include "dgl/families/diffusion/checkpoint_import.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

namespace {

/// How many times the numbers in a file its network may have: enough that one with a few tensors missing is built, and
/// the error names them.
constexpr int64_t kMostOfFile = 2;

/// From our name of a tensor to a file's.
using Renaming = std::function<std::string(const std::string& name)>;

/// Side of the images of the published models with this many levels; 0 for others.
int64_t usual_resolution(int64_t levels) {
  const std::map<int64_t, int64_t> usual{{4, 32}, {5, 64}, {6, 256}};
  const auto found = usual.find(levels);
  return found == usual.end() ? 0 : found->second;
}

/// `tensors` are those of `dict`, perhaps by other names.
DdpmShape denoiser_shape(const NamedTensors& tensors, const Renaming& named, int64_t resolution,
                         const StateDict& dict) {
  const std::string& origin = dict.origin;
  const TensorSizes size(tensors, origin);
  const auto convolution_of = [&](int64_t level, int64_t i) {
    return named(fmt::format("down.{}.block.{}.conv1.weight", level, i));
  };
  constexpr int64_t kMost = 64;  // of levels and blocks; DdpmShape::from_json() knows what is allowed
  DdpmShape shape{};
  for (int64_t level = 0; level < kMost && size.has(convolution_of(level, 0)); ++level) {
    shape.channels.push_back(size(convolution_of(level, 0), 4, 0));
    if (size.has(named(fmt::format("down.{}.attn.0.norm.weight", level)))) shape.attention.push_back(level);
  }
  while (shape.blocks < kMost && size.has(convolution_of(0, shape.blocks))) ++shape.blocks;
  shape.img_channels = size(named("conv_in.weight"), 4, 1);
  shape.first_channels = size(named("conv_in.weight"), 4, 0);
  shape.resolution =
      resolution > 0 ? resolution : number_setting(dict, "sample_size", usual_resolution(shape.levels()));
  if (shape.resolution == 0) {
    fail("{}: a U-Net of {} levels, whose images' side is not known; expected --resolution", origin, shape.levels());
  }
  shape.groups = {.most = number_setting(dict, "norm_num_groups", 32), .channels = 1};
  if (const std::string labels = named("label_emb.weight"); size.has(labels)) shape.classes = size(labels, 2, 0);
  shape.precondition = Precondition::eps;
  shape.solver = {.name = "euler", .steps = 50, .grid = "uniform"};
  return DdpmShape::from_json(shape.to_json(), origin);
}

/// The numbers of groups that its norms have.
std::set<int64_t> group_counts(const DdpmShape& shape) {
  std::set<int64_t> counts{shape.groups.groups(shape.first_channels)};
  for (const int64_t channels : shape.channels) counts.insert(shape.groups.groups(channels));
  // Blocks on the way up take feature maps of the way down beside their input.
  std::vector<int64_t> skips = shape.skips();
  int64_t channels = shape.channels.back();
  for (int64_t level = shape.levels() - 1; level >= 0; --level) {
    for (int64_t i = 0; i <= shape.blocks; ++i) {
      counts.insert(shape.groups.groups(channels + skips.back()));
      skips.pop_back();
      channels = shape.channels[static_cast<size_t>(level)];
    }
  }
  return counts;
}

/// What both formats have in common.
class DenoiserFormat : public CheckpointFormat {
 public:
  bool can_export() const override { return true; }

 protected:
  /// A model's denoiser. Throws Error (naming `origin`) for a model that this format cannot express.
  std::shared_ptr<DdpmDenoiser> denoiser_of(const NetworkSet& model, const std::string& origin) const {
    auto denoiser = model.best<DdpmDenoiser>("denoiser");
    if (!denoiser) fail("{}: has no denoiser of the architecture ddpm, which {} is for", origin, name());
    const std::set<int64_t> groups = group_counts(denoiser->shape());
    if (groups.size() > 1) {
      fail("{}: the denoiser has norms of different numbers of groups ({}), for which {} has one", origin,
           fmt::join(groups, ", "), name());
    }
    if (denoiser->shape().precondition != Precondition::eps) {
      fail("{}: its denoiser has precondition = \"{}\"; {} holds those that predict noise, \"eps\"", origin,
           to_text(denoiser->shape().precondition), name());
    }
    return denoiser;
  }
};

class DdpmFormat : public DenoiserFormat {
 public:
  std::string name() const override { return "ddpm"; }
  std::vector<Signature> signatures() const override { return {{"temb.dense.0.weight", "denoiser"}}; }
  std::vector<Prefix> prefixes() const override { return {{"0.", {"denoiser"}}, {"4.", {"denoiser", true}}}; }

  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override {
    NamedTensors tensors;
    for (const auto& [name, tensor] : dict.tensors) tensors.emplace(current_name(name), tensor);
    const auto same = [](const std::string& name) { return name; };
    const auto shape = denoiser_shape(tensors, same, options.resolution, dict);
    check_size(shape.cost(), kMostOfFile * count_numbers(tensors), dict.origin);
    auto network = std::make_shared<DdpmDenoiser>(shape);
    fill_network(*network, tensors, dict, name());
    return network;
  }

  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override {
    constexpr int64_t kGroups = 32;  // in all its norms
    const auto denoiser = denoiser_of(model, origin);
    if (group_counts(denoiser->shape()) != std::set<int64_t>{kGroups}) {
      fail("{}: the denoiser has norms of other than {} groups, which {} does not have", origin, kGroups, name());
    }
    TensorFile file;
    put_module(file, "", *denoiser);
    return file;
  }

 private:
  /// Older files call the convolution of a downsampling "op".
  static std::string current_name(std::string name) {
    const std::string older = ".downsample.op.";
    if (const size_t at = name.find(older); at != std::string::npos)
      name.replace(at, older.size(), ".downsample.conv.");
    return name;
  }
};

using Words = std::vector<std::pair<const char*, const char*>>;  // ours, theirs

/// Parts of names in diffusers. Each stands once in a name at most.
const Words kDiffusersWords{{"temb.dense.0.", "time_embedding.linear_1."},
                            {"temb.dense.1.", "time_embedding.linear_2."},
                            {"label_emb.", "class_embedding."},
                            {"norm_out.", "conv_norm_out."},
                            {"mid.block_1.", "mid_block.resnets.0."},
                            {"mid.block_2.", "mid_block.resnets.1."},
                            {"mid.attn_1.", "mid_block.attentions.0."},
                            {".block.", ".resnets."},
                            {".attn.", ".attentions."},
                            {".downsample.", ".downsamplers.0."},
                            {".upsample.", ".upsamplers.0."},
                            {".temb_proj.", ".time_emb_proj."},
                            {".nin_shortcut.", ".conv_shortcut."}};
/// The same of attention, where they mean something else than elsewhere.
const Words kAttentionWords{
    {".norm.", ".group_norm."}, {".q.", ".to_q."}, {".k.", ".to_k."}, {".v.", ".to_v."}, {".proj_out.", ".to_out.0."}};
/// And as versions before 0.13 named them.
const Words kOldAttentionWords{{".norm.", ".group_norm."},
                               {".q.", ".query."},
                               {".k.", ".key."},
                               {".v.", ".value."},
                               {".proj_out.", ".proj_attn."}};

std::string replaced(std::string name, const Words& words) {
  for (const auto& [ours, theirs] : words) {
    if (const size_t at = name.find(ours); at != std::string::npos) {
      name.replace(at, std::char_traits<char>::length(ours), theirs);
    }
  }
  return name;
}

/// The name of our tensor in diffusers, whose way up counts levels from the smallest on.
std::string diffusers_name(const std::string& ours, int64_t levels, const Words& attention) {
  const bool attends = ours.find(".attn") != std::string::npos;
  std::string name = replaced(attends ? replaced(ours, attention) : ours, kDiffusersWords);
  if (name.starts_with("down.")) return name.replace(0, 4, "down_blocks");
  if (!name.starts_with("up.")) return name;
  const size_t end = name.find('.', 3);
  const int64_t level = std::stoll(name.substr(3, end - 3));
  return fmt::format("up_blocks.{}{}", levels - 1 - level, name.substr(end));
}

class DiffusersFormat : public DenoiserFormat {
 public:
  std::string name() const override { return "diffusers"; }
  std::vector<Signature> signatures() const override { return {{"time_embedding.linear_1.weight", "denoiser"}}; }
  std::vector<Prefix> prefixes() const override { return {}; }

  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override {
    check_settings(dict, {{"act_fn", "silu", "silu"},
                          {"attention_head_dim", nullptr, 8},
                          {"center_input_sample", false, false},
                          {"downsample_padding", 0, 1},
                          {"flip_sin_to_cos", false, true},
                          {"freq_shift", 1, 0},
                          {"mid_block_scale_factor", 1, 1},
                          {"norm_eps", 1e-6, 1e-5},
                          {"resnet_time_scale_shift", "default", "default"},
                          {"time_embedding_type", "positional", "positional"}});
    const bool old = dict.tensors.contains("mid_block.attentions.0.query.weight");
    const Words& attention = old ? kOldAttentionWords : kAttentionWords;
    int64_t levels = 0;
    while (dict.tensors.contains(fmt::format("down_blocks.{}.resnets.0.conv1.weight", levels))) ++levels;
    const auto named = [&](const std::string& ours) { return diffusers_name(ours, levels, attention); };
    const auto shape = denoiser_shape(dict.tensors, named, options.resolution, dict);
    check_size(shape.cost(), kMostOfFile * count_numbers(dict.tensors), dict.origin);
    auto network = std::make_shared<DdpmDenoiser>(shape);
    NamedTensors rest = dict.tensors, tensors;
    std::vector<std::string> missing, unknown;
    for (const auto& item : network->named_parameters()) {
      const auto found = rest.find(named(item.key()));
      if (found == rest.end()) {
        missing.push_back(named(item.key()));
        continue;
      }
      // Its attention has linear maps for our 1x1 convolutions.
      const bool linear = item.value().dim() == 4 && found->second.dim() == 2;
      tensors.emplace(item.key(), linear ? found->second.unsqueeze(2).unsqueeze(3) : found->second);
      rest.erase(found);
    }
    for (const auto& [name, tensor] : rest) unknown.push_back(name);
    check_names(dict, name(), missing, unknown);
    fill_network(*network, tensors, dict, name());
    return network;
  }

  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override {
    const auto denoiser = denoiser_of(model, origin);
    TensorFile ours, file;
    put_module(ours, "", *denoiser);
    for (const auto& [name, tensor] : ours.tensors) {
      const bool linear = name.find(".attn") != std::string::npos && tensor.dim() == 4;
      file.tensors.emplace(diffusers_name(name, denoiser->shape().levels(), kAttentionWords),
                           linear ? tensor.squeeze(3).squeeze(2).contiguous() : tensor);
    }
    return file;
  }

  bool has_settings() const override { return true; }
  /// As huggingface.co/google/ddpm-cifar10-32 has them, which is pesser/pytorch_diffusion's network.
  nlohmann::json export_settings(const NetworkSet& model, const std::string& origin) const override {
    const DdpmShape& shape = denoiser_of(model, origin)->shape();
    std::vector<std::string> down, up;
    for (int64_t level = 0; level < shape.levels(); ++level) {
      down.emplace_back(shape.attends(level) ? "AttnDownBlock2D" : "DownBlock2D");
      up.emplace(up.begin(), shape.attends(level) ? "AttnUpBlock2D" : "UpBlock2D");
    }
    nlohmann::json settings = {{"_class_name", "UNet2DModel"},
                               {"act_fn", "silu"},
                               {"attention_head_dim", nullptr},
                               {"block_out_channels", shape.channels},
                               {"center_input_sample", false},
                               {"down_block_types", down},
                               {"downsample_padding", 0},
                               {"flip_sin_to_cos", false},
                               {"freq_shift", 1},
                               {"in_channels", shape.img_channels},
                               {"layers_per_block", shape.blocks},
                               {"mid_block_scale_factor", 1},
                               {"norm_eps", 1e-6},
                               {"norm_num_groups", *group_counts(shape).begin()},
                               {"out_channels", shape.img_channels},
                               {"sample_size", shape.resolution},
                               {"time_embedding_type", "positional"},
                               {"up_block_types", up}};
    if (shape.classes > 0) settings["num_class_embeds"] = shape.classes;
    return settings;
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> ddpm_format() { return std::make_shared<DdpmFormat>(); }

std::shared_ptr<const CheckpointFormat> diffusers_format() { return std::make_shared<DiffusersFormat>(); }

}  // namespace dgl
