#include "dgl/families/family_keys.h"

#include <string>
#include <vector>

#include "dgl/base/error.h"

namespace dgl {

std::vector<ConfigKey> image_keys(FamilySettings& s) {
  return {{"network", "resolution", &s.resolution, "Side of the images in pixels, a power of two", 8, 1024},
          {"network", "img_channels", &s.img_channels, "1 (gray) or 3 (RGB)", 1, 3},
          {"network", "classes", &s.classes, "Number of labels; 0: as many as the data has", 0, 100000}};
}

void check_image(const FamilySettings& s, const std::string& origin) {
  if ((s.resolution & (s.resolution - 1)) != 0) {
    fail("{}: network.resolution = {}: expected a power of two", origin, s.resolution);
  }
  if (s.img_channels == 2) fail("{}: network.img_channels = 2: expected 1 (gray) or 3 (RGB)", origin);
}

}  // namespace dgl
