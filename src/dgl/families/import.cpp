#include "dgl/families/import.h"

#include <ATen/CPUGeneratorImpl.h>

#include <set>

#include "dgl/base/error.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/families/stylegan2/checkpoint_format.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {

namespace {

constexpr int64_t kMeanLatents = 4096;
constexpr size_t kNamesShown = 3;

enum class Role { generator, generator_ema, discriminator };

/// A state dict in a file.
struct StateDict {
  CheckpointFormat format;
  Role role;
  NamedTensors tensors;
  torch::Tensor latent_avg;  // undefined where the file has none
  std::string origin, prefix;
};

/// "a, b, c and 7 more".
std::string first_of(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text.empty() ? "none" : text;
}

NamedTensors under(const TensorFile& file, const std::string& prefix) {
  NamedTensors tensors;
  for (auto at = file.tensors.lower_bound(prefix); at != file.tensors.end() && at->first.rfind(prefix, 0) == 0; ++at) {
    tensors.emplace(at->first.substr(prefix.size()), at->second);
  }
  return tensors;
}

/// A name that only a generator or only a discriminator of a format has.
struct Signature {
  const char* name;
  CheckpointFormat format;
  bool generator;
};
constexpr Signature kSignatures[] = {{"input.input", CheckpointFormat::rosinality, true},
                                     {"final_linear.0.weight", CheckpointFormat::rosinality, false},
                                     {"synthesis.b4.const", CheckpointFormat::ada, true},
                                     {"b4.out.weight", CheckpointFormat::ada, false},
                                     {"output_layer.2.weight", CheckpointFormat::biggan, true},
                                     {"embed.u0", CheckpointFormat::biggan, false}};

const Signature* find_sign(const NamedTensors& tensors) {
  for (const Signature& sign : kSignatures) {
    if (tensors.count(sign.name)) return &sign;
  }
  return nullptr;
}

/// Where checkpoints keep their state dicts.
struct Prefix {
  const char* prefix;
  Role role;
};
constexpr Prefix kPlaces[] = {{"g_ema.", Role::generator_ema}, {"g.", Role::generator}, {"d.", Role::discriminator},
                              {"G_ema.", Role::generator_ema}, {"G.", Role::generator}, {"D.", Role::discriminator}};

std::vector<StateDict> find_parts(const TensorFile& file, const std::string& origin) {
  std::vector<StateDict> parts;
  const auto latent_avg = file.tensors.find("latent_avg");
  const auto add = [&](const std::string& prefix, std::optional<Role> role) {
    NamedTensors tensors = under(file, prefix);
    const Signature* sign = find_sign(tensors);
    if (!sign) return;
    if (!role) {
      const bool average = std::filesystem::path(origin).filename().string().rfind("G_ema", 0) == 0;
      role = !sign->generator ? Role::discriminator : average ? Role::generator_ema : Role::generator;
      tensors.erase("latent_avg");
    }
    if (sign->generator != (*role != Role::discriminator)) {
      fail("{}: {} holds a {} where a {} was expected", origin, prefix, sign->generator ? "generator" : "discriminator",
           sign->generator ? "discriminator" : "generator");
    }
    parts.push_back({sign->format, *role, std::move(tensors),
                     latent_avg == file.tensors.end() ? torch::Tensor() : latent_avg->second, origin, prefix});
  };
  for (const Prefix& place : kPlaces) add(place.prefix, place.role);
  if (parts.empty()) add("", std::nullopt);
  if (!parts.empty()) return parts;
  std::vector<std::string> missing, unknown;
  for (const Signature& sign : kSignatures) missing.push_back(sign.name);
  for (const auto& [name, tensor] : file.tensors) unknown.push_back(name);
  fail("{}: not of stylegan2-pytorch, stylegan2-ada-pytorch or biggan-pytorch; missing: {}; unknown: {}", origin,
       fmt::join(missing, ", "), first_of(unknown));
}

/// Other filters than [1, 3, 3, 1] would silently give other images.
void check_filter(const std::string& name, const torch::Tensor& filter, const std::string& origin) {
  const torch::Tensor taps = torch::tensor(ops::fir_1331(), torch::kFloat), expected = at::outer(taps, taps);
  const torch::Tensor plain = filter.to(torch::kFloat);
  if (plain.sizes() != expected.sizes() || !at::allclose(plain / plain.sum(), expected / expected.sum(), 1e-3, 1e-5)) {
    fail("{}: tensor {}: a resampling filter other than [1, 3, 3, 1] is not supported", origin, name);
  }
}

/// Error if tensors are missing or left over.
void check_names(const StateDict& part, const std::vector<std::string>& missing,
                 const std::vector<std::string>& unknown) {
  if (missing.empty() && unknown.empty()) return;
  fail("{}: not a {} of {}; missing: {}; unknown: {}", part.origin,
       part.role != Role::discriminator ? "generator" : "discriminator", format_name(part.format), first_of(missing),
       first_of(unknown));
}

/// The part's tensors under our names and in our shapes, filters left out.
NamedTensors translate(const StateDict& part) {
  const bool generator = part.role != Role::discriminator;
  const NetworkLayout layout = guess_layout(part.format, generator, part.tensors);
  std::vector<std::string> wanted = tensor_names(layout);
  if (generator && part.format == CheckpointFormat::ada) wanted.push_back("mapping.w_avg");
  NamedTensors ours;
  std::vector<std::string> missing, unknown;
  std::set<std::string> known;
  for (const std::string& name : wanted) {
    const std::string theirs = foreign_name(part.format, layout, name);
    known.insert(theirs);
    const auto found = part.tensors.find(theirs);
    if (found == part.tensors.end()) {
      missing.push_back(part.prefix + theirs);
    } else {
      ours.emplace(name, to_our_shape(name, found->second));
    }
  }
  for (const auto& [name, tensor] : part.tensors) {
    if (known.count(name)) continue;
    if (is_filter_name(part.format, name)) {
      check_filter(part.prefix + name, tensor, part.origin);
    } else {
      unknown.push_back(part.prefix + name);
    }
  }
  check_names(part, missing, unknown);
  return ours;
}

bool is_singular_value(const std::string& name) {
  return name.size() > 4 && name.compare(name.size() - 4, 4, ".sv0") == 0;  // logged by BigGAN-PyTorch, never read
}

/// A network of the shape that the part's tensors are of. Error where they are too few for it.
template <class Network, class Shape>
std::shared_ptr<Network> make_network(const StateDict& part, const Shape& shape) {
  int64_t numbers = 0;
  for (const auto& [name, tensor] : part.tensors) numbers += tensor.numel();
  check_size(shape.cost(), numbers, part.origin);
  return std::make_shared<Network>(shape);
}

/// The BigGAN of this shape with the part's tensors, each exactly once.
template <class Network, class Shape>
std::shared_ptr<Network> import_biggan(const StateDict& part, const Shape& shape) {
  const auto network = make_network<Network>(part, shape);
  TensorFile file, expected;
  put_module(expected, "", *network);
  std::vector<std::string> missing, unknown;
  for (const auto& [name, tensor] : part.tensors) {
    if (is_singular_value(name)) continue;
    if (!expected.contains(name)) unknown.push_back(part.prefix + name);
    file.tensors.emplace(name, tensor);
  }
  for (const auto& [name, tensor] : expected.tensors) {
    if (!file.contains(name)) missing.push_back(part.prefix + name);
  }
  check_names(part, missing, unknown);
  get_module(file, "", *network, part.origin);
  return network;
}

std::shared_ptr<Generator> import_generator(const StateDict& part) {
  if (part.format == CheckpointFormat::biggan) {
    return import_biggan<BigGanGenerator>(part, biggan_generator_shape(part.tensors, part.origin));
  }
  TensorFile file{translate(part), {}};
  const auto shape = stylegan2_generator_shape(file.tensors, part.origin);
  const auto network = make_network<StyleGan2Generator>(part, shape);
  if (part.format == CheckpointFormat::rosinality) {
    file.tensors["mapping.w_avg"] = part.latent_avg.defined() ? to_our_shape("mapping.w_avg", part.latent_avg)
                                                              : torch::zeros({shape.mapping.w_dim()});
  }
  get_module(file, "", *network, part.origin);
  if (part.format == CheckpointFormat::rosinality && !part.latent_avg.defined()) {
    torch::NoGradGuard no_grad;
    const auto z = torch::randn({kMeanLatents, shape.mapping.z_dim}, at::detail::createCPUGenerator(0), torch::kFloat);
    torch::Tensor mean = network->mapping().mean_latent();
    mean.copy_(network->mapping().forward(z, {}).mean(0));
  }
  return network;
}

std::shared_ptr<Discriminator> import_discriminator(const StateDict& part, int64_t minibatch_std_group) {
  if (part.format == CheckpointFormat::biggan) {
    return import_biggan<BigGanDiscriminator>(part, biggan_discriminator_shape(part.tensors, part.origin));
  }
  const TensorFile file{translate(part), {}};
  const auto shape = stylegan2_discriminator_shape(file.tensors, minibatch_std_group, part.origin);
  const auto network = make_network<StyleGan2Discriminator>(part, shape);
  get_module(file, "", *network, part.origin);
  return network;
}

}  // namespace

Model import_model(const std::vector<std::filesystem::path>& files, const ImportOptions& options) {
  // Optimizer states, two thirds of a checkpoint, are not read.
  const auto wanted = [](const std::string& name) { return name.find("optim") == std::string::npos; };
  Model model;
  std::vector<std::string> names;
  for (const auto& path : files) {
    for (const StateDict& part : find_parts(load_tensors(path, wanted), path.string())) {
      if (!options.from.empty() && options.from != format_name(part.format)) {
        fail("{}: its tensors are named as in {}, not in {}", part.origin, format_name(part.format), options.from);
      }
      const bool taken = part.role == Role::generator       ? model.generator != nullptr
                         : part.role == Role::generator_ema ? model.generator_ema != nullptr
                                                            : model.discriminator != nullptr;
      if (taken) fail("{}: holds a network that an earlier file holds already", part.origin);
      if (part.role == Role::generator) model.generator = import_generator(part);
      if (part.role == Role::generator_ema) model.generator_ema = import_generator(part);
      if (part.role == Role::discriminator) {
        model.discriminator = import_discriminator(part, options.minibatch_std_group);
      }
      model.info["imported"] = {{"from", format_name(part.format)}};
    }
    names.push_back(path.filename().string());
  }
  if (model.generator && model.generator_ema && model.generator->settings() != model.generator_ema->settings()) {
    fail("{}: the generator and its average have different shapes", fmt::join(names, ", "));
  }
  for (const auto& generator : {model.generator, model.generator_ema}) {
    if (generator && model.discriminator) {
      check_pair(*generator, *model.discriminator, fmt::format("{}", fmt::join(names, ", ")));
    }
  }
  for (const auto& network : std::initializer_list<std::shared_ptr<torch::nn::Module>>{
           model.generator, model.generator_ema, model.discriminator}) {
    if (network) network->eval();
  }
  model.info["imported"]["files"] = names;
  return model;
}

TensorFile export_rosinality(const Model& model, const std::string& origin) {
  TensorFile out;
  const auto put = [&](const std::string& prefix, const torch::nn::Module& network, const nlohmann::json& settings) {
    if (settings["family"] != "stylegan2")
      fail("{}: a {}, which rosinality's StyleGAN2 cannot hold", origin, settings["family"].get<std::string>());
    if (settings.contains("classes") || settings.contains("mapping_widths") || settings.contains("residual") ||
        settings.contains("minibatch_std_channels")) {
      fail(
          "{}: rosinality's StyleGAN2 has no labels, no mapping of uneven widths, and residual discriminators with one "
          "channel of statistics only",
          origin);
    }
    TensorFile ours;
    put_module(ours, "", network);
    const bool generator = prefix != "d.";
    const NetworkLayout layout{generator, settings["resolution"].get<int64_t>()};
    for (const auto& [name, tensor] : ours.tensors) {
      if (name == "mapping.w_avg") {
        out.tensors["latent_avg"] = tensor;
        continue;
      }
      out.tensors[prefix + foreign_name(CheckpointFormat::rosinality, layout, name)] =
          to_rosinality_shape(generator, name, tensor);
    }
    const torch::Tensor taps = torch::tensor(ops::fir_1331(), torch::kFloat);
    for (const auto& [name, gain] : rosinality_filters(layout)) {
      out.tensors[prefix + name] = at::outer(taps, taps) * gain;
    }
  };
  // The average's mean latent is the one that is kept.
  if (model.generator) put("g.", *model.generator, model.generator->settings());
  if (model.generator_ema) put("g_ema.", *model.generator_ema, model.generator_ema->settings());
  if (model.discriminator) put("d.", *model.discriminator, model.discriminator->settings());
  return out;
}

}  // namespace dgl
