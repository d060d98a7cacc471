#include "dgl/metrics/features.h"

#include "dgl/base/error.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/metrics/classifier.h"
#include "dgl/metrics/inception.h"
#include "dgl/metrics/vision_transformer.h"

namespace dgl {

std::shared_ptr<FeatureNetwork> load_feature_network(const std::filesystem::path& path, bool clean) {
  const std::string origin = path.string();
  const TensorFile file = load_tensors(path);
  if (is_inception(file)) {
    const auto inception = std::make_shared<Inception>(file, origin);
    if (clean) inception->use_clean_resizing();
    return inception;
  }
  if (clean) fail("{}: not the Inception network, which clean-fid's resizing is for", origin);
  if (is_dinov2(file)) return std::make_shared<DinoV2>(file, origin);
  if (is_clip(file)) return std::make_shared<Clip>(file, origin);
  return load_classifier(file, origin);
}

}  // namespace dgl
