#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/biggan/networks.h"

namespace dgl {

namespace {

std::string block(int64_t i, const char* name) { return fmt::format("blocks.{}.{}", i, name); }

/// Returns the indices of the blocks with self-attention, and the number of blocks.
std::pair<std::vector<int64_t>, int64_t> blocks_of(const TensorSizes& size) {
  std::vector<int64_t> attention;
  int64_t i = 0;
  for (; size.has(block(i, "0.conv1.weight")); ++i) {
    if (size.has(block(i, "1.gamma"))) attention.push_back(i);
  }
  return {attention, i};
}

}  // namespace

BigGanGeneratorShape biggan_generator_shape(const NamedTensors& tensors, const std::string& origin) {
  const TensorSizes size(tensors, origin);
  BigGanGeneratorShape shape{};
  int64_t blocks = 0;
  std::tie(shape.attention, blocks) = blocks_of(size);
  shape.first_channels = size("blocks.0.0.conv1.weight", 4, 1);
  for (int64_t i = 0; i < blocks; ++i) shape.channels.push_back(size(block(i, "0.conv1.weight"), 4, 0));
  shape.resolution = int64_t{4} << std::min<int64_t>(blocks, 30);
  shape.img_channels = size("output_layer.2.weight", 4, 0);
  const int64_t chunk = size("linear.weight", 2, 1), condition = size("blocks.0.0.bn1.gain.weight", 2, 1);
  if (size.has("shared.weight")) {
    shape.classes = size("shared.weight", 2, 0);
    shape.shared_dim = size("shared.weight", 2, 1);
    shape.hierarchical = condition != shape.shared_dim;
    if (shape.hierarchical && condition != shape.shared_dim + chunk) {
      fail(
          "{}: tensor blocks.0.0.bn1.gain.weight takes {} numbers, expected {} of the shared embedding, or {} with a "
          "chunk of the latent",
          origin, condition, shape.shared_dim, shape.shared_dim + chunk);
    }
  } else {
    shape.classes = size("blocks.0.0.bn1.gain.weight", 2, 0);
  }
  shape.z_dim = shape.hierarchical ? chunk * (blocks + 1) : chunk;
  // from_json() checks the ranges of a model file, which must be able to store this shape.
  return BigGanGeneratorShape::from_json(shape.to_json(), origin);
}

BigGanDiscriminatorShape biggan_discriminator_shape(const NamedTensors& tensors, const std::string& origin) {
  const TensorSizes size(tensors, origin);
  BigGanDiscriminatorShape shape{};
  int64_t blocks = 0;
  std::tie(shape.attention, blocks) = blocks_of(size);
  shape.img_channels = size("blocks.0.0.conv1.weight", 4, 1);
  for (int64_t i = 0; i < blocks; ++i) shape.channels.push_back(size(block(i, "0.conv1.weight"), 4, 0));
  // As in the reference's tables: at 32 px two of four blocks pool; otherwise all but the last pool, down to 4 x 4.
  shape.downs = blocks == 4 ? 2 : blocks - 1;
  shape.resolution = (blocks == 4 ? int64_t{8} : int64_t{4}) << std::clamp<int64_t>(shape.downs, 0, 30);
  shape.classes = size("embed.weight", 2, 0);
  return BigGanDiscriminatorShape::from_json(shape.to_json(), origin);
}

}  // namespace dgl
