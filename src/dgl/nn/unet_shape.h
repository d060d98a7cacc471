#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/table_reader.h"
#include "dgl/nn/rational.h"
#include "dgl/nn/sampler.h"
#include "dgl/nn/unet_layers.h"

namespace dgl {

/// What the networks of unet_layers.h have in common at full width.
struct UNetSettings {
  int64_t resolution = 256;
  int64_t img_channels = 3;
  int64_t channels = 128;                      ///< feature maps of the first convolution
  std::vector<int64_t> multiples{1, 2, 4, 4};  ///< of them at each level; a level has half the side of the one before
  int64_t blocks = 2;                          ///< residual blocks of a level; one more on the way to the image
  std::vector<int64_t> attention;              ///< sides of feature maps whose blocks attend; the middle always does
  GroupRule groups;

  /// Feature maps of each level: `multiples` of `channels`, narrowed by narrowed_channels().
  std::vector<int64_t> level_channels(Rational width) const;
};

/// `channels` feature maps at a width. Throws Error if none would be left.
int64_t narrowed_channels(int64_t channels, Rational width);

/// Throws Error, naming `origin`, if there are no levels or if they do not divide the resolution.
void check_levels(int64_t resolution, size_t levels, const std::string& origin);

/// The shape of such a network at some width.
struct UNetShape {
  static constexpr int64_t kMaxChannels = 16384, kMaxLevels = 8, kMaxBlocks = 16;

  int64_t resolution, img_channels;
  int64_t first_channels;         ///< of the convolution at the image
  std::vector<int64_t> channels;  ///< of each level, from the image on
  int64_t blocks;
  std::vector<int64_t> attention;  ///< levels whose blocks attend
  GroupRule groups;

  /// Throws Error if a layer would have no channels, or for a side that no level has.
  static UNetShape make(const UNetSettings& settings, Rational width);
  /// Reads what to_json() gives. Throws Error, which names `origin` and the key, for a value out of range or levels
  /// that do not divide the resolution.
  static UNetShape from_settings(const TableReader& settings, const std::string& origin);
  nlohmann::json to_json() const;

  int64_t levels() const { return static_cast<int64_t>(channels.size()); }
  /// Side of the smallest feature maps.
  int64_t side() const { return resolution >> (levels() - 1); }
  bool attends(int64_t level) const;
  ImageShape image() const { return {img_channels, resolution, resolution}; }
};

}  // namespace dgl
