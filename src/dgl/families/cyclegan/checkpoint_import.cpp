#include "dgl/families/cyclegan/checkpoint_import.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/families/cyclegan/unet_generator.h"
#include "dgl/nn/patch_discriminator.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

namespace {

// The second convolution of a block, which a dropout layer moves by one.
constexpr const char *kSecondUnit = ".conv_block.5.", *kSecondUnitDropout = ".conv_block.6.";

constexpr const char* kUnetTensor = "model.model.0.weight";  // that only a U-Net generator has

bool is_batch_norm_unet(const NamedTensors& tensors) {
  return tensors.count(kUnetTensor) && !tensors.count("model.model.0.bias");
}

/// `text` with `from` in the place of `to`, if it is there.
std::string with_part(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// Without the statistics that instance norms once had, and without counters of batches.
NamedTensors without_statistics(NamedTensors tensors) {
  for (const char* part : {"running_mean", "running_var", "num_batches_tracked"}) {
    std::erase_if(tensors, [&](const auto& item) {
      if (!item.first.ends_with(part)) return false;
      const std::string norm = item.first.substr(0, item.first.size() - std::string(part).size());
      return part == std::string("num_batches_tracked") || !tensors.count(norm + "weight");
    });
  }
  return tensors;
}

/// A ResNet generator's shape from the sizes of its tensors.
ResnetShape resnet_shape(const NamedTensors& tensors, int64_t resolution, const std::string& origin) {
  const TensorSizes size(tensors, origin);
  const auto name = [](int64_t place, const char* rest) { return fmt::format("model.{}{}", place, rest); };
  if (size.has("model.2.weight")) {
    fail("{}: tensor model.2.weight: of a generator with batch norms, as pix2pix's; expected instance norms", origin);
  }
  ResnetShape shape;
  shape.resolution = resolution;
  shape.img_channels = size("model.1.weight", 4, 1);
  shape.architecture = size.has("model.10.conv_block.1.conv.0.weight") ? "mobile" : "resnet";
  const char* const first = shape.separable() ? ".conv_block.1.conv.2.weight" : ".conv_block.1.weight";
  shape.hidden.clear();
  while (shape.blocks() <= ResnetShape::kMostBlocks && size.has(name(shape.place_of_block(shape.blocks()), first))) {
    shape.hidden.push_back(size(name(shape.place_of_block(shape.blocks()), first), 4, 0));
  }
  if (shape.hidden.empty()) fail("{}: no tensor model.10{}: a generator without blocks", origin, first);
  shape.channels = {size("model.1.weight", 4, 0), size("model.4.weight", 4, 0), size("model.7.weight", 4, 0)};
  for (int64_t i = 0; i < 2; ++i) shape.channels.push_back(size(name(shape.place_of_doubling(i), ".weight"), 4, 1));
  const int64_t made = size(name(shape.place_of_last(), ".weight"), 4, 0);
  if (made != shape.img_channels) {
    fail("{}: a generator that makes images of {} channels from images of {}; expected the same", origin, made,
         shape.img_channels);
  }
  return ResnetShape::from_json(shape.to_json(), origin);
}

/// What both programs share.
class ResnetFormat : public CheckpointFormat {
 public:
  /// With DataParallel's prefix or without.
  std::vector<Prefix> prefixes() const override { return {}; }
  SlotRole role_in_file(const std::string& slot, const std::string& file) const override {
    constexpr std::pair<const char*, const char*> kNames[] = {
        {"net_G_A", "generator_a_to_b"}, {"net_G_B", "generator_b_to_a"}, {"net_D_A", "discriminator_b"},
        {"net_D_B", "discriminator_a"},  {"net_G", "generator_a_to_b"},   {"net_D", "discriminator_b"}};
    for (const auto& [name, named] : kNames) {
      if (file.find(name) == std::string::npos) continue;
      if (std::string(named).starts_with(slot)) return {named};
      fail("{}: holds a {}, where its name says {}", file, slot, named);
    }
    return {slot == "generator" ? "generator_a_to_b" : "discriminator_b"};
  }
  bool goes_with(const CheckpointFormat& other) const override {
    return dynamic_cast<const ResnetFormat*>(&other) != nullptr;
  }
  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override;
  std::vector<std::string> made_up(const StateDict& dict) const override;
  bool can_export() const override { return true; }
  TensorFile export_model(const NetworkSet& model, const std::string& origin) const override;

 protected:
  /// Whether blocks have a dropout layer.
  virtual bool has_dropout() const = 0;
  /// What of a generator the program cannot express; empty if nothing.
  virtual std::string objection(const ResnetShape& shape) const = 0;

 private:
  std::string generator_tensor(const std::string& own) const {
    return has_dropout() ? with_part(own, kSecondUnit, kSecondUnitDropout) : own;
  }
  static std::string discriminator_tensor(const std::string& own) { return with_part(own, "main.", "model."); }
};

std::shared_ptr<Network> ResnetFormat::import_network(const StateDict& dict, const ImportOptions& options) const {
  constexpr int64_t kUsualResolution = 256;
  const int64_t resolution = options.resolution > 0 ? options.resolution : kUsualResolution;
  const NamedTensors tensors = without_statistics(dict.tensors);
  // Twice the numbers at hand bound what is allocated, and let fill_network() name tensors that are missing.
  const int64_t most = 2 * count_numbers(tensors);
  if (dict.role.slot.starts_with("generator") && tensors.count(kUnetTensor)) {
    const auto shape = UnetShape::from_tensors(tensors, resolution, dict.origin);
    check_size(shape.cost(), most, dict.origin);
    auto network = std::make_shared<UnetGenerator>(shape);
    fill_network(*network, tensors, dict, name());
    return network;
  }
  if (dict.role.slot.starts_with("generator")) {
    const ResnetShape shape = resnet_shape(tensors, resolution, dict.origin);
    check_size(shape.cost(), most, dict.origin);
    auto network = std::make_shared<ResnetGenerator>(shape);
    fill_network(*network, tensors, dict, name(), [this](const std::string& own) { return generator_tensor(own); });
    return network;
  }
  NamedTensors renamed;
  for (const auto& [name, tensor] : tensors) renamed.emplace(with_part(name, "model.", "main."), tensor);
  const auto shape = patch_discriminator_shape(renamed, resolution, dict.origin);
  check_size(shape.cost(), most, dict.origin);
  auto network = std::make_shared<PatchDiscriminator>(shape, "cyclegan");
  fill_network(*network, tensors, dict, name(), discriminator_tensor);
  return network;
}

std::vector<std::string> ResnetFormat::made_up(const StateDict& dict) const {
  if (!is_batch_norm_unet(dict.tensors)) return {};
  return {fmt::format(
      "{}: a U-Net with batch norms translates with their stored statistics and without dropout, as the program does "
      "with --eval",
      dict.origin)};
}

TensorFile ResnetFormat::export_model(const NetworkSet& model, const std::string& origin) const {
  std::vector<std::string> names;
  for (const NetworkSlot& slot : model) names.push_back(slot.name);
  if (names.size() > 1) {
    fail("{}: {} networks, each of which is a file of its own in {}; expected --network with {}", origin, names.size(),
         name(), fmt::join(names, " or "));
  }
  const NetworkSlot& slot = *model.begin();
  const auto generator = std::dynamic_pointer_cast<ResnetGenerator>(slot.best());
  const auto unet = std::dynamic_pointer_cast<UnetGenerator>(slot.best());
  const auto discriminator = std::dynamic_pointer_cast<PatchDiscriminator>(slot.best());
  if (!generator && !unet && !discriminator) fail("{}: the {} is no network of {}", origin, slot.name, name());
  const std::string reason = generator ? objection(generator->shape()) : "";
  if (!reason.empty()) fail("{}: the {} has {}", origin, slot.name, reason);
  if (unet && has_dropout()) fail("{}: the {} is a U-Net, which {} does not have", origin, slot.name, name());
  TensorFile ours, out;
  put_module(ours, "", *slot.best());
  for (const auto& [own, tensor] : ours.tensors) {
    out.tensors[discriminator ? discriminator_tensor(own) : generator ? generator_tensor(own) : own] = tensor;
  }
  return out;
}

class CycleGanFormat : public ResnetFormat {
 public:
  std::string name() const override { return "cyclegan"; }
  std::vector<Signature> signatures() const override {
    return {{"model.1.weight", "generator"}, {kUnetTensor, "generator"}, {"model.0.weight", "discriminator"}};
  }

 protected:
  bool has_dropout() const override { return false; }
  std::string objection(const ResnetShape& shape) const override {
    const auto usual =
        ResnetShape::usual(shape.resolution, shape.img_channels, "resnet", shape.channels[0], shape.blocks());
    if (usual.to_json() == shape.to_json()) return "";
    return "blocks or widths that pytorch-CycleGAN-and-pix2pix does not have; expected gan-compression";
  }
};

class GanCompressionFormat : public ResnetFormat {
 public:
  std::string name() const override { return "gan-compression"; }
  std::vector<Signature> signatures() const override {
    return {{"model.10.conv_block.6.weight", "generator"}, {"model.10.conv_block.6.conv.0.weight", "generator"}};
  }

 protected:
  bool has_dropout() const override { return true; }
  std::string objection(const ResnetShape&) const override { return ""; }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> cyclegan_format() { return std::make_shared<CycleGanFormat>(); }

std::shared_ptr<const CheckpointFormat> gan_compression_format() { return std::make_shared<GanCompressionFormat>(); }

}  // namespace dgl
