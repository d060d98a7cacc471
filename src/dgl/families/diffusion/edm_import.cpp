#include <charconv>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/diffusion/checkpoint_import.h"
#include "dgl/families/diffusion/song_denoiser.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

namespace {

constexpr const char* kModelPrefix = "model.";  // of the U-Net's tensors within the network that preconditions it
constexpr const char* kFilterEnd = ".resample_filter";
constexpr const char* kAugmentation = "map_augment.weight";

/// What stands before the names of a U-Net's tensors in a state dict.
std::string model_prefix(const StateDict& dict) {
  return dict.tensors.contains(std::string(kModelPrefix) + "map_layer0.weight") ? kModelPrefix : "";
}

/// An argument that the network was made with; null if none is known.
nlohmann::json argument(const StateDict& dict, const char* key) {
  return dict.settings.is_object() ? dict.settings.value(key, nlohmann::json()) : nlohmann::json();
}

/// Throws Error for a network that is not a SongUNet in an EDMPrecond with the deviation of images that is known here.
void check_class(const StateDict& dict) {
  const auto refuse = [&](const std::string& what) {
    fail("{}: a network of NVlabs/edm with {}, which is not imported; expected a SongUNet in an EDMPrecond",
         dict.origin, what);
  };
  const nlohmann::json made = argument(dict, kClassArgument), deviation = argument(dict, "sigma_data");
  if (made.is_string() && made != "EDMPrecond") refuse(made.dump());
  if (dict.tensors.contains("u")) refuse("iDDPMPrecond");
  if (dict.tensors.contains(model_prefix(dict) + "out_norm.weight")) refuse("DhariwalUNet (ADM)");
  if (!deviation.is_null() && deviation != kDataDeviation) {
    fail("{}: made with sigma_data = {}; expected {}", dict.origin, deviation.dump(), kDataDeviation);
  }
}

/// The side of the images: of the convolution "enc.32x32_conv"; 0 if there is none.
int64_t side_of_images(const NamedTensors& tensors) {
  constexpr std::string_view kStart = "enc.", kEnd = "_conv.weight";
  for (const auto& [name, tensor] : tensors) {
    if (!name.starts_with(kStart) || !name.ends_with(kEnd)) continue;
    int64_t side = 0;
    const char* first = name.data() + kStart.size();
    if (std::from_chars(first, name.data() + name.size(), side).ec != std::errc()) continue;
    if (side > 0 && name == fmt::format("enc.{0}x{0}_conv.weight", side)) return side;
  }
  return 0;
}

/// The names of a network's resampling filters, without "model.".
std::vector<std::string> filter_names(const SongShape& shape) {
  std::vector<std::string> names;
  for (const auto& forms : {shape.encoder(), shape.decoder()}) {
    for (const SongBlockForm& form : forms) {
      if (form.resizing == Resizing::keep) continue;
      for (const char* layer : {".conv0", ".skip"}) names.push_back(form.name + layer + kFilterEnd);
      if (form.pyramid > 0) names.push_back(pyramid_name(form) + kFilterEnd);
    }
  }
  return names;
}

/// The filter [1, 1, taps, taps] that the program stores.
torch::Tensor stored_filter(const SongArchitecture& architecture) {
  const torch::Tensor taps = torch::tensor(architecture.taps, torch::kFloat);
  return at::outer(taps, taps).view({1, 1, taps.numel(), taps.numel()});
}

/// The architecture of a U-Net, whose tensors are called as here.
const SongArchitecture& architecture_of(const NamedTensors& tensors, int64_t side, const std::string& origin) {
  const bool random = tensors.contains("map_noise.freqs");
  const auto has = [&](int64_t of_side, const char* layer) {
    return tensors.contains(fmt::format("enc.{0}x{0}_{1}.weight", of_side, layer));
  };
  const bool pyramid = has(side / 2, "aux_residual"), one_level = !has(side / 2, "down.conv0");
  for (const SongArchitecture& architecture : song_architectures()) {
    if (architecture.random_frequencies == random && (architecture.pyramid == pyramid || one_level)) {
      return architecture;
    }
  }
  fail(
      "{}: a SongUNet with {} embedding of times and {} encoder; expected DDPM++ (positional, standard) or NCSN++ "
      "(fourier, residual)",
      origin, random ? "the fourier" : "the positional", pyramid ? "the residual" : "no residual");
}

/// The shape of a U-Net whose tensors are called as here.
SongShape song_shape(const NamedTensors& tensors, const std::string& origin) {
  const TensorSizes size(tensors, origin);
  constexpr int64_t kMost = 64;  // of levels and blocks; SongShape::from_json() knows what is allowed
  SongShape shape{};
  shape.resolution = side_of_images(tensors);
  if (shape.resolution == 0) fail("{}: a U-Net of NVlabs/edm without enc.RxR_conv.weight, R the images' side", origin);
  shape.architecture = &architecture_of(tensors, shape.resolution, origin);
  const auto of_block = [&](int64_t level, int64_t i, const char* tensor) {
    return fmt::format("enc.{0}x{0}_block{1}.{2}", shape.resolution >> level, i, tensor);
  };
  for (int64_t level = 0; level < kMost && size.has(of_block(level, 0, "conv0.weight")); ++level) {
    shape.channels.push_back(size(of_block(level, 0, "conv0.weight"), 4, 0));
    if (size.has(of_block(level, 0, "qkv.weight"))) shape.attention.push_back(level);
    if (shape.resolution >> level == 1) break;
  }
  while (shape.blocks < kMost && size.has(of_block(0, shape.blocks, "conv0.weight"))) ++shape.blocks;
  const std::string first = shape.first_name() + ".weight";
  shape.img_channels = size(first, 4, 1);
  shape.first_channels = size(first, 4, 0);
  shape.groups = {.most = 32, .channels = 4};
  if (const std::string labels = "map_label.weight"; size.has(labels)) shape.classes = size(labels, 2, 1);
  shape.precondition = Precondition::edm;
  shape.solver = {.name = "heun", .steps = 18, .grid = "karras"};
  return SongShape::from_json(shape.to_json(), origin);
}

class EdmFormat : public CheckpointFormat {
 public:
  std::string name() const override { return "edm"; }
  std::vector<Signature> signatures() const override {
    return {{std::string(kModelPrefix) + "map_layer0.weight", "denoiser"}, {"map_layer0.weight", "denoiser"}};
  }
  std::vector<Prefix> prefixes() const override { return {{"ema.", {"denoiser", true}}, {"net.", {"denoiser"}}}; }

  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions&) const override {
    check_class(dict);
    const std::string prefix = model_prefix(dict);
    NamedTensors inner;
    for (const auto& [name, tensor] : dict.tensors) {
      if (name.starts_with(prefix)) inner.emplace(name.substr(prefix.size()), tensor);
    }
    const SongShape shape = song_shape(inner, dict.origin);
    // Enough that a network with a few tensors missing is built, and the error names them.
    check_size(shape.cost(), 2 * count_numbers(dict.tensors), dict.origin);
    NamedTensors rest = dict.tensors;
    for (const std::string& name : filter_names(shape)) {
      const auto found = rest.extract(prefix + name);
      if (found) check_filter_of(shape, found.mapped(), found.key(), dict.origin);
    }
    rest.erase(prefix + kAugmentation);
    auto network = std::make_shared<SongDenoiser>(shape);
    fill_network(*network, rest, dict, name(), [&](const std::string& own) { return prefix + own; });
    return network;
  }

  std::vector<std::string> made_up(const StateDict& dict) const override {
    std::vector<std::string> lines;
    if (argument(dict, kClassArgument).is_null()) {
      lines.push_back(
          fmt::format("{}: does not say how its network is preconditioned; EDMPrecond with sigma_data = {} "
                      "is taken",
                      dict.origin, kDataDeviation));
    }
    if (const std::string name = model_prefix(dict) + kAugmentation; dict.tensors.contains(name)) {
      lines.push_back(
          fmt::format("{}: {} is left out; it acts on the labels of augmentations alone, of which drawn "
                      "images have none",
                      dict.origin, dict.prefix + name));
    }
    return lines;
  }

  bool can_export() const override { return true; }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override {
    const auto denoiser = model.best<SongDenoiser>("denoiser");
    if (!denoiser) fail("{}: has no denoiser of the architecture ddpm++ or ncsn++, which {} is for", origin, name());
    const SongShape& shape = denoiser->shape();
    if (shape.precondition != Precondition::edm) {
      fail("{}: its denoiser has precondition = \"{}\"; {} holds those with \"edm\"", origin,
           to_text(shape.precondition), name());
    }
    TensorFile file;
    put_module(file, kModelPrefix, *denoiser);
    for (const std::string& filter : filter_names(shape)) {
      file.tensors.emplace(kModelPrefix + filter, stored_filter(*shape.architecture));
    }
    return file;
  }

 private:
  static void check_filter_of(const SongShape& shape, const torch::Tensor& filter, const std::string& name,
                              const std::string& origin) {
    const torch::Tensor expected = stored_filter(*shape.architecture), plain = filter.to(torch::kFloat);
    if (plain.sizes() == expected.sizes() && at::allclose(plain, expected, 1e-3, 1e-5)) return;
    fail("{}: tensor {}: a resampling filter other than the {} x {} numbers of {}", origin, name, expected.size(2),
         expected.size(3), shape.architecture->name);
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> edm_format() { return std::make_shared<EdmFormat>(); }

}  // namespace dgl
