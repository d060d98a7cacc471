#include "dgl/metrics/features.h"

#include "dgl/formats/checkpoint.h"
#include "dgl/metrics/classifier.h"
#include "dgl/metrics/inception.h"

namespace dgl {

std::shared_ptr<FeatureNetwork> load_feature_network(const std::filesystem::path& path) {
  const std::string origin = path.string();
  const TensorFile file = load_tensors(path);
  if (is_inception(file)) return std::make_shared<Inception>(file, origin);
  return load_classifier(file, origin);
}

}  // namespace dgl
