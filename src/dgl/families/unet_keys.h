#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/families/family.h"
#include "dgl/nn/unet_shape.h"

namespace dgl {

/// What a recipe says of networks of U-Net layers (nn/unet_shape.h).
struct UNetFamilySettings : FamilySettings {
  int64_t channels = 128;
  std::string multiples = "1,2,4,4";
  int64_t blocks = 2;
  std::string attention;
  int64_t groups = 32, group_channels = 4;

  /// Throws Error (naming `origin` and the key) for a list that is not of whole numbers, or no levels.
  UNetSettings unet(const std::string& origin) const;
};

/// Sets what made networks of a shape at full width. Feature maps that are no multiples of the first layer's give a
/// list of multiples that makes others.
void describe_unet(const UNetShape& shape, UNetFamilySettings& settings);

/// `channels` as multiples of `base`, as network.multiples has them.
std::string multiples_of(const std::vector<int64_t>& channels, int64_t base);

/// The keys of these settings.
std::vector<ConfigKey> unet_keys(UNetFamilySettings& settings);

}  // namespace dgl
