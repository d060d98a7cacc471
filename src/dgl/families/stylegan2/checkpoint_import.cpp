#include "dgl/families/stylegan2/checkpoint_import.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/tensor_names.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {

namespace {

constexpr int64_t kMeanLatents = 4096;
constexpr uint64_t kNoiseSeed = 0;
constexpr const char* kNoises = "noises.";  // begins the names of rosinality's fixed noise

/// Whether a generator of rosinality's is of the time before it kept its fixed noise, as its published ones are.
bool lacks_noise(const NamedTensors& tensors) {
  const auto first = tensors.lower_bound(kNoises);
  return first == tensors.end() || !first->first.starts_with(kNoises);
}

/// The side of the noise "synthesis.b16.conv1.noise_const".
int64_t noise_side(const std::string& name) {
  const std::string start = "synthesis.b";
  return std::stoll(name.substr(start.size()));
}

/// Throws Error for other filters than [1, 3, 3, 1], which would silently give other images.
void check_filter(const std::string& name, const torch::Tensor& filter, const std::string& origin) {
  const torch::Tensor taps = torch::tensor(ops::fir_1331(), torch::kFloat), expected = at::outer(taps, taps);
  const torch::Tensor plain = filter.to(torch::kFloat);
  if (plain.sizes() != expected.sizes() || !at::allclose(plain / plain.sum(), expected / expected.sum(), 1e-3, 1e-5)) {
    fail("{}: tensor {}: a resampling filter other than [1, 3, 3, 1] is not supported", origin, name);
  }
}

/// Throws Error for a network that was made otherwise than those here, where its tensors do not tell: with another
/// activation or another learning rate of the mapping, which scales its weights.
void check_arguments(const StateDict& dict) {
  const auto expect = [&](const nlohmann::json& of, const char* key, const nlohmann::json& value) {
    if (!of.is_object() || !of.contains(key) || of[key] == value) return;
    fail("{}: {}: made with {} = {}; expected {}", dict.origin, dict.prefix.substr(0, dict.prefix.size() - 1), key,
         of[key].dump(), value.dump());
  };
  const nlohmann::json& settings = dict.settings;
  if (!settings.is_object()) return;
  for (const char* part : {"mapping_kwargs", "synthesis_kwargs", "block_kwargs", "epilogue_kwargs"}) {
    if (settings.contains(part)) expect(settings[part], "activation", "lrelu");
  }
  if (settings.contains("mapping_kwargs")) expect(settings["mapping_kwargs"], "lr_multiplier", 0.01);
}

/// The group of a discriminator's minibatch statistics: as it was made, or else as the options say.
int64_t minibatch_std_group(const StateDict& dict, const ImportOptions& options) {
  const nlohmann::json epilogue =
      dict.settings.is_object() ? dict.settings.value("epilogue_kwargs", nlohmann::json()) : nlohmann::json();
  if (!epilogue.is_object() || !epilogue.contains("mbstd_group_size")) return options.minibatch_std_group;
  const nlohmann::json& group = epilogue["mbstd_group_size"];
  constexpr int64_t kMostGroup = 4096;
  if (!group.is_number_integer() || group < 1 || group > kMostGroup) {
    fail("{}: {}: made with mbstd_group_size = {}; expected a whole number from 1 to {}", dict.origin,
         dict.prefix.substr(0, dict.prefix.size() - 1), group.dump(), kMostGroup);
  }
  return group.get<int64_t>();
}

class StyleGan2Format : public CheckpointFormat {
 public:
  explicit StyleGan2Format(TensorNaming naming) : naming_(naming) {}

  std::string name() const override { return rosinality() ? "stylegan2-pytorch" : "stylegan2-ada-pytorch"; }
  std::vector<Signature> signatures() const override {
    if (rosinality()) return {{"input.input", "generator"}, {"final_linear.0.weight", "discriminator"}};
    return {{"synthesis.b4.const", "generator"}, {"b4.out.weight", "discriminator"}};
  }
  std::vector<Prefix> prefixes() const override {
    if (rosinality()) {
      return {{"g_ema.", {"generator", true}}, {"g.", {"generator"}}, {"d.", {"discriminator"}}};
    }
    return {{"G_ema.", {"generator", true}}, {"G.", {"generator"}}, {"D.", {"discriminator"}}};
  }
  std::vector<std::string> other_tensors() const override {
    return rosinality() ? std::vector<std::string>{"latent_avg"} : std::vector<std::string>();
  }
  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override {
    check_arguments(dict);
    return dict.role.slot == "generator" ? import_generator(dict) : import_discriminator(dict, options);
  }
  std::vector<std::string> made_up(const StateDict& dict) const override;
  bool can_export() const override { return rosinality(); }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override;

 private:
  bool rosinality() const { return naming_ == TensorNaming::rosinality; }
  NamedTensors translate(const StateDict& dict) const;
  std::shared_ptr<Network> import_generator(const StateDict& dict) const;
  std::shared_ptr<Network> import_discriminator(const StateDict& dict, const ImportOptions& options) const;

  TensorNaming naming_;
};

std::vector<std::string> StyleGan2Format::made_up(const StateDict& dict) const {
  std::vector<std::string> lines;
  if (!rosinality() || dict.role.slot != "generator") return lines;
  if (!dict.others.count("latent_avg")) {
    lines.push_back(fmt::format("{}: has no latent_avg; the mean of {} latents of a fixed seed takes its place",
                                dict.origin, kMeanLatents));
  }
  if (lacks_noise(dict.tensors)) {
    lines.push_back(fmt::format("{}: has no noises.*; noise of a fixed seed takes its place", dict.origin));
  }
  return lines;
}

/// The state dict's tensors under our names and in our shapes, filters left out.
NamedTensors StyleGan2Format::translate(const StateDict& dict) const {
  const bool generator = dict.role.slot == "generator";
  const NetworkLayout layout = guess_layout(naming_, generator, dict.tensors);
  std::vector<std::string> wanted = tensor_names(layout);
  if (generator && !rosinality()) wanted.push_back("mapping.w_avg");
  NamedTensors ours;
  std::vector<std::string> missing, unknown;
  std::set<std::string> known;
  const bool no_noise = generator && rosinality() && lacks_noise(dict.tensors);
  at::Generator noise = at::detail::createCPUGenerator(kNoiseSeed);
  for (const std::string& name : wanted) {
    const std::string theirs = foreign_name(naming_, layout, name);
    known.insert(theirs);
    const auto found = dict.tensors.find(theirs);
    if (no_noise && theirs.starts_with(kNoises)) {
      const int64_t side = noise_side(name);
      ours.emplace(name, torch::randn({side, side}, noise, torch::kFloat));
    } else if (found == dict.tensors.end()) {
      missing.push_back(dict.prefix + theirs);
    } else {
      ours.emplace(name, to_our_shape(name, found->second));
    }
  }
  for (const auto& [name, tensor] : dict.tensors) {
    if (known.count(name)) continue;
    if (is_filter_name(naming_, name)) {
      check_filter(dict.prefix + name, tensor, dict.origin);
    } else {
      unknown.push_back(dict.prefix + name);
    }
  }
  check_names(dict, name(), missing, unknown);
  return ours;
}

std::shared_ptr<Network> StyleGan2Format::import_generator(const StateDict& dict) const {
  TensorFile file{translate(dict), {}};
  const auto shape = stylegan2_generator_shape(file.tensors, dict.origin);
  check_size(shape.cost(), count_numbers(dict.tensors), dict.origin);
  const auto network = std::make_shared<StyleGan2Generator>(shape);
  const auto mean = dict.others.find("latent_avg");
  const bool has_mean = mean != dict.others.end();
  if (rosinality()) {
    file.tensors["mapping.w_avg"] =
        has_mean ? to_our_shape("mapping.w_avg", mean->second) : torch::zeros({shape.mapping.w_dim()});
  }
  get_module(file, "", *network, dict.origin);
  if (rosinality() && !has_mean) {
    torch::NoGradGuard no_grad;
    const auto z = torch::randn({kMeanLatents, shape.mapping.z_dim}, at::detail::createCPUGenerator(0), torch::kFloat);
    torch::Tensor mean_latent = network->mapping().mean_latent();
    mean_latent.copy_(network->mapping().forward(z, {}).mean(0));
  }
  return network;
}

std::shared_ptr<Network> StyleGan2Format::import_discriminator(const StateDict& dict,
                                                               const ImportOptions& options) const {
  const TensorFile file{translate(dict), {}};
  const auto shape = stylegan2_discriminator_shape(file.tensors, minibatch_std_group(dict, options), dict.origin);
  check_size(shape.cost(), count_numbers(dict.tensors), dict.origin);
  const auto network = std::make_shared<StyleGan2Discriminator>(shape);
  get_module(file, "", *network, dict.origin);
  return network;
}

/// "g.", "g_ema.", "d." and a state dict's names, with the filters that rosinality stores, and "latent_avg".
TensorFile StyleGan2Format::export_model(const NetworkSet& model, const std::string& origin) const {
  TensorFile out;
  const auto put = [&](const std::string& prefix, const Network& network) {
    const nlohmann::json settings = network.settings();
    const bool generator = dynamic_cast<const StyleGan2Generator*>(&network) != nullptr;
    if (!generator && !dynamic_cast<const StyleGan2Discriminator*>(&network)) {
      fail("{}: a {}, which rosinality's StyleGAN2 cannot hold", origin, settings["family"].get<std::string>());
    }
    if (settings.contains("classes") || settings.contains("mapping_widths") || settings.contains("residual") ||
        settings.contains("minibatch_std_channels")) {
      fail(
          "{}: rosinality's StyleGAN2 has no labels, no mapping of uneven widths, and residual discriminators with one "
          "channel of statistics only",
          origin);
    }
    TensorFile ours;
    put_module(ours, "", network);
    const NetworkLayout layout{generator, settings["resolution"].get<int64_t>()};
    for (const auto& [name, tensor] : ours.tensors) {
      if (name == "mapping.w_avg") {
        out.tensors["latent_avg"] = tensor;
        continue;
      }
      out.tensors[prefix + foreign_name(naming_, layout, name)] = to_rosinality_shape(generator, name, tensor);
    }
    const torch::Tensor taps = torch::tensor(ops::fir_1331(), torch::kFloat);
    for (const auto& [name, gain] : rosinality_filters(layout)) {
      out.tensors[prefix + name] = at::outer(taps, taps) * gain;
    }
  };
  // The average's mean latent is the one that is kept, since it comes last.
  for (const NetworkSlot& slot : model) {
    const bool generator = slot.role == NetworkRole::generator;
    if (slot.network) put(generator ? "g." : "d.", *slot.network);
    if (slot.average) put("g_ema.", *slot.average);
  }
  return out;
}

}  // namespace

std::shared_ptr<const CheckpointFormat> stylegan2_pytorch_format() {
  return std::make_shared<StyleGan2Format>(TensorNaming::rosinality);
}

std::shared_ptr<const CheckpointFormat> stylegan2_ada_pytorch_format() {
  return std::make_shared<StyleGan2Format>(TensorNaming::ada);
}

}  // namespace dgl
