#include "dgl/families/unet_keys.h"

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
