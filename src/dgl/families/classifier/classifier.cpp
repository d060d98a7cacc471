#include "dgl/families/classifier/classifier.h"

#include <string>
#include <vector>

#include "dgl/families/family_keys.h"

namespace dgl {

std::vector<ConfigKey> ClassifierFamily::keys(FamilySettings& settings) const {
  auto& s = dynamic_cast<ClassifierSettings&>(settings);
  std::vector<ConfigKey> keys = image_keys(s);
  keys.insert(keys.end(), {{"network", "features", &s.features, "Length of the feature vector", 2, 4096},
                           {"network", "distance", &s.distance, "Name of the Fréchet distance on the features"},
                           {"training", "epochs", &s.epochs, "Passes over the data", 1, 100000}});
  return keys;
}

void ClassifierFamily::check(FamilySettings& settings, const std::string& origin) const {
  check_image(settings, origin);
}

}  // namespace dgl
