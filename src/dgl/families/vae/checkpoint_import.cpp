#include "dgl/families/vae/checkpoint_import.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/vae/networks.h"
#include "dgl/nn/patch_discriminator.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

namespace {

/// Side of the images unless ImportOptions::resolution says otherwise: that of the published autoencoders.
constexpr int64_t kUsualResolution = 256;

/// Where a file keeps the autoencoder: that of Lightning, a bare state dict, and either within a diffusion model.
constexpr const char* kPlaces[] = {"state_dict.first_stage_model.", "state_dict.", "first_stage_model.", ""};

/// The 1x1 convolution between a network and the latents, which stands beside it in the file.
std::string latent_convolution(const std::string& slot) { return slot == "encoder" ? "quant_conv" : "post_quant_conv"; }

class LatentDiffusionFormat : public CheckpointFormat {
 public:
  std::string name() const override { return "latent-diffusion"; }
  std::vector<Signature> signatures() const override {
    return {{"down.0.block.0.norm1.weight", "encoder"},
            {"up.0.block.0.norm1.weight", "decoder"},
            {"main.0.weight", "discriminator"}};
  }
  std::vector<Prefix> prefixes() const override {
    std::vector<Prefix> all;
    for (const std::string place : kPlaces) {
      for (const char* slot : {"encoder", "decoder"}) all.push_back({place + slot + ".", {slot}});
      all.push_back({place + "loss.discriminator.", {"discriminator"}});
    }
    return all;
  }
  std::vector<std::string> other_tensors() const override {
    std::vector<std::string> all;
    for (const std::string place : kPlaces) {
      for (const char* slot : {"encoder", "decoder"}) {
        for (const char* part : {".weight", ".bias"}) all.push_back(place + latent_convolution(slot) + part);
      }
    }
    return all;
  }

  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const override {
    const int64_t resolution = options.resolution > 0 ? options.resolution : kUsualResolution;
    if (dict.role.slot == "discriminator") return import_discriminator(dict, resolution);
    const std::string &slot = dict.role.slot, convolution = latent_convolution(slot);
    const std::string place = dict.prefix.substr(0, dict.prefix.size() - slot.size() - 1);
    NamedTensors tensors = dict.tensors;
    for (const char* part : {".weight", ".bias"}) {
      const auto found = dict.others.find(place + convolution + part);
      if (found != dict.others.end()) tensors.emplace(convolution + part, found->second);
    }
    const bool encodes = slot == "encoder";
    const VaeShape shape = shape_of(tensors, encodes, resolution, dict.origin);
    check_size(encodes ? shape.encoder_cost() : shape.decoder_cost(), count_numbers(tensors), dict.origin);
    std::shared_ptr<Network> network;
    if (encodes) {
      network = std::make_shared<VaeEncoder>(shape);
    } else {
      network = std::make_shared<VaeDecoder>(shape);
    }
    fill_network(*network, tensors, dict, name());
    return network;
  }

 private:
  std::shared_ptr<Network> import_discriminator(const StateDict& dict, int64_t resolution) const {
    NamedTensors tensors = dict.tensors;
    std::erase_if(tensors, [](const auto& item) { return item.first.ends_with(".num_batches_tracked"); });
    const auto shape = patch_discriminator_shape(tensors, resolution, dict.origin);
    check_size(shape.cost(), count_numbers(tensors), dict.origin);
    const auto network = std::make_shared<PatchDiscriminator>(shape, "vae");
    fill_network(*network, tensors, dict, name());
    return network;
  }

  static VaeShape shape_of(const NamedTensors& tensors, bool encodes, int64_t resolution, const std::string& origin) {
    const TensorSizes size(tensors, origin);
    const char* const levels = encodes ? "down" : "up";
    const auto convolution_of = [&](int64_t level, int64_t i) {
      return fmt::format("{}.{}.block.{}.conv1.weight", levels, level, i);
    };
    VaeShape shape{};
    shape.resolution = resolution;
    constexpr int64_t kMost = 64;  // of levels and blocks; VaeShape::from_json() knows what is allowed
    for (int64_t level = 0; level < kMost && size.has(convolution_of(level, 0)); ++level) {
      shape.channels.push_back(size(convolution_of(level, 0), 4, 0));
      if (size.has(fmt::format("{}.{}.attn.0.q.weight", levels, level))) shape.attention.push_back(level);
    }
    while (shape.blocks < kMost && size.has(convolution_of(0, shape.blocks))) ++shape.blocks;
    if (!encodes) --shape.blocks;
    const std::string convolution = latent_convolution(encodes ? "encoder" : "decoder") + ".weight";
    if (encodes) {
      shape.img_channels = size("conv_in.weight", 4, 1);
      shape.first_channels = size("conv_in.weight", 4, 0);
      shape.z_channels = size("conv_out.weight", 4, 0) / 2;
      shape.embed_dim = size(convolution, 4, 0) / 2;
    } else {
      shape.img_channels = size("conv_out.weight", 4, 0);
      shape.first_channels = shape.channels.empty() ? 1 : shape.channels.front();  // an encoder's, which is not here
      shape.z_channels = size("conv_in.weight", 4, 1);
      shape.embed_dim = size(convolution, 4, 1);
    }
    shape.groups = {.most = 32, .channels = 1};
    return VaeShape::from_json(shape.to_json(), origin);
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> latent_diffusion_format() { return std::make_shared<LatentDiffusionFormat>(); }

}  // namespace dgl
