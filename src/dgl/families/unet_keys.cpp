#include "dgl/families/unet_keys.h"

#include <algorithm>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"

namespace dgl {

UNetSettings UNetFamilySettings::unet(const std::string& origin) const {
  UNetSettings s;
  s.resolution = resolution;
  s.img_channels = img_channels;
  s.channels = channels;
  s.multiples = parse_whole_numbers(multiples, origin + ": network.multiples");
  if (s.multiples.empty()) fail("{}: network.multiples = \"\": expected one level or more, as \"1,2,4\"", origin);
  s.blocks = blocks;
  s.attention = parse_whole_numbers(attention, origin + ": network.attention");
  s.groups = {groups, group_channels};
  return s;
}

std::string multiples_of(const std::vector<int64_t>& channels, int64_t base) {
  std::vector<int64_t> multiples;
  for (const int64_t maps : channels) multiples.push_back(std::max<int64_t>(1, maps / base));
  return fmt::format("{}", fmt::join(multiples, ","));
}

void describe_unet(const UNetShape& shape, UNetFamilySettings& s) {
  s.channels = shape.first_channels;
  s.multiples = multiples_of(shape.channels, shape.first_channels);
  s.blocks = shape.blocks;
  std::vector<int64_t> sides;
  for (const int64_t level : shape.attention) sides.push_back(shape.resolution >> level);
  s.attention = fmt::format("{}", fmt::join(sides, ","));
  s.groups = shape.groups.most;
  s.group_channels = shape.groups.channels;
}

std::vector<ConfigKey> unet_keys(UNetFamilySettings& s) {
  return {{"network", "channels", &s.channels, "Feature maps of the first convolution", 1, 4096},
          {"network", "multiples", &s.multiples,
           "Feature maps of each level as multiples of channels, from the image on; each level after the first "
           "halves the side"},
          {"network", "blocks", &s.blocks, "Residual blocks of a level; one more on the way to the image", 1, 16},
          {"network", "attention", &s.attention,
           "Sides of feature maps with self-attention, as 32,16; the smallest always has it once"},
          {"network", "groups", &s.groups, "Most groups of a group norm", 1, 4096},
          {"network", "group_channels", &s.group_channels, "Fewest channels of a group", 1, 4096}};
}

}  // namespace dgl
