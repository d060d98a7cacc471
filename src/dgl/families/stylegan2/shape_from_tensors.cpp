#include <cstdint>
#include <string>

#include "dgl/base/error.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

namespace {

/// Returns the largest resolution r with a tensor `prefix` + r + `suffix`, counted up from 8.
int64_t resolution_of(const TensorSizes& size, const std::string& prefix, const std::string& suffix) {
  int64_t r = 4;
  while (size.has(prefix + std::to_string(2 * r) + suffix)) r *= 2;
  return r;
}

StyleGan2MappingShape mapping_of(const TensorSizes& size, bool takes_latents, const std::string& origin) {
  StyleGan2MappingShape shape;
  for (int64_t i = 0; size.has(fmt::format("mapping.fc{}.weight", i)); ++i) {
    shape.widths.push_back(size(fmt::format("mapping.fc{}.weight", i), 2, 0));
  }
  if (size.has("mapping.embed.weight")) {
    shape.classes = size("mapping.embed.weight", 2, 1);
    shape.embed_dim = size("mapping.embed.weight", 2, 0);
  }
  const int64_t in = size("mapping.fc0.weight", 2, 1);
  shape.z_dim = takes_latents ? in - shape.embed_dim : 0;
  if (takes_latents && shape.z_dim < 1) {
    fail("{}: tensor mapping.fc0.weight takes {} numbers, of which the label's embedding has {}", origin, in,
         shape.embed_dim);
  }
  return shape;
}

}  // namespace

StyleGan2GeneratorShape stylegan2_generator_shape(const NamedTensors& tensors, const std::string& origin) {
  const TensorSizes size(tensors, origin);
  StyleGan2GeneratorShape shape{};
  shape.resolution = resolution_of(size, "synthesis.b", ".conv1.weight");
  shape.mapping = mapping_of(size, /*takes_latents=*/true, origin);
  shape.const_channels = size("synthesis.const", 3, 0);
  for (int64_t r = 4; r <= shape.resolution; r *= 2) {
    const std::string block = fmt::format("synthesis.b{}.", r);
    shape.channels[r] = size(block + "conv1.weight", 4, 0);
    if (r > 4) shape.up_channels[r] = size(block + "conv0.weight", 4, 0);
    shape.img_channels = size(block + "torgb.weight", 4, 0);
  }
  // from_json() checks the ranges of a model file, which must be able to store this shape.
  return StyleGan2GeneratorShape::from_json(shape.to_json(), origin);
}

StyleGan2DiscriminatorShape stylegan2_discriminator_shape(const NamedTensors& tensors, int64_t minibatch_std_group,
                                                          const std::string& origin) {
  const TensorSizes size(tensors, origin);
  StyleGan2DiscriminatorShape shape{};
  shape.resolution = resolution_of(size, "b", ".conv0.weight");
  shape.minibatch_std_group = minibatch_std_group;
  const std::string first = fmt::format("b{}.fromrgb.weight", shape.resolution);
  shape.img_channels = size(first, 4, 1);
  shape.channels[shape.resolution] = size(first, 4, 0);
  for (int64_t r = shape.resolution; r > 4; r /= 2) {
    shape.hidden[r] = size(fmt::format("b{}.conv0.weight", r), 4, 0);
    shape.channels[r / 2] = size(fmt::format("b{}.conv1.weight", r), 4, 0);
  }
  shape.hidden[4] = size("b4.conv.weight", 4, 0);
  shape.minibatch_std_channels = size("b4.conv.weight", 4, 1) - shape.channels.at(4);
  shape.fc_features = size("b4.fc.weight", 2, 0);
  shape.residual = size.has(fmt::format("b{}.skip.weight", shape.resolution));
  if (size.has("mapping.embed.weight")) shape.mapping = mapping_of(size, /*takes_latents=*/false, origin);
  return StyleGan2DiscriminatorShape::from_json(shape.to_json(), origin);
}

}  // namespace dgl
