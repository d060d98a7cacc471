#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/nn/network.h"

namespace dgl {

/// The shape of a ResNet generator (Johnson et al. 2016, arXiv 1603.08155; Zhu et al. 2017, arXiv 1703.10593, section
/// 7.2): a 7x7 convolution, two of stride 2, residual blocks of two convolutions, two transposed ones of stride 2, and
/// a 7x7 convolution to the image. Every convolution but the last has an instance norm behind it. Each layer may have a
/// width of its own, as the students of GAN Compression have (Li et al. 2020, arXiv 2003.08936).
struct ResnetShape {
  int64_t resolution = 256;  ///< of the images that it is trained with; it takes others
  int64_t img_channels = 3;
  std::string architecture = "resnet";  ///< of the blocks: see resnet_architectures()
  /// Feature maps behind the first convolution, behind each that halves the size, the latter of which is the blocks'
  /// input and output, and behind each that doubles it.
  std::vector<int64_t> channels{64, 128, 256, 128, 64};
  std::vector<int64_t> hidden = std::vector<int64_t>(9, 256);  ///< between a block's two convolutions, for each block

  /// The usual one: `channels` feature maps behind the first convolution, twice and four times as many where sides are
  /// a half and a quarter.
  static ResnetShape usual(int64_t resolution, int64_t img_channels, const std::string& architecture, int64_t channels,
                           int64_t blocks);
  /// Throws Error, naming `origin`, for a missing setting or one out of its range, or a resolution that is no multiple
  /// of kMultiple.
  static ResnetShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  /// Of a translation of an image of the resolution.
  Cost cost() const;
  /// Feature maps of the blocks' input and output.
  int64_t trunk() const { return channels[2]; }
  bool separable() const { return architecture == "mobile"; }
  /// The place of a layer in the reference's list of layers: the first convolution, those that halve the size, the
  /// blocks, those that double it, the last convolution.
  int64_t place_of_block(int64_t i) const { return kFirstBlock + i; }
  int64_t place_of_doubling(int64_t i) const { return kFirstBlock + blocks() + 3 * i; }
  int64_t place_of_last() const { return kFirstBlock + blocks() + 7; }
  int64_t blocks() const { return static_cast<int64_t>(hidden.size()); }

  static constexpr int64_t kPlaceOfFirst = 1, kPlacesOfHalving[] = {4, 7}, kFirstBlock = 10;
  static constexpr int64_t kMultiple = 4;  ///< that sides of images are multiples of
  static constexpr int64_t kSmallest = 8;  ///< side of images
  static constexpr int64_t kMostBlocks = 64, kMostMaps = 16384;
};

/// The values of ResnetShape::architecture: resnet, of 3x3 convolutions; mobile, whose blocks have a depthwise 3x3
/// convolution, an instance norm and a 1x1 convolution in the place of each.
std::vector<std::string> resnet_architectures();

}  // namespace dgl
