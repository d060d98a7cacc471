#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dgl/metrics/sample_statistics.h"
#include "dgl/training/session.h"

namespace dgl {

/// Measures the distance of samplers to a session's real images, on the features that its recipe names. Without a
/// feature network it measures nothing.
class Evaluator {
 public:
  /// Loads the feature network and takes the statistics of the real images from the cache beside them
  /// (cached_statistics), on the root process only. `note`, if any, receives informational messages.
  explicit Evaluator(const TrainingSession& session, const std::function<void(const std::string&)>& note = {});

  bool has_features() const { return features_ != nullptr; }
  /// Name of the distance.
  std::string distance_name() const { return features_->distance_name(); }
  /// Distance of `samples` images of a sampler, drawn from the random stream `stream`.
  double distance(Sampler& sampler, int64_t samples, Stream stream) const;

 private:
  const TrainingSession& session_;
  std::shared_ptr<FeatureNetwork> features_;
  FeatureStatistics real_;
};

}  // namespace dgl
