#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dgl/losses/lpips.h"
#include "dgl/metrics/sample_statistics.h"
#include "dgl/run/summary.h"
#include "dgl/training/session.h"

namespace dgl {

/// Family::own_measures() of a model on at most 1000 images of a set, evenly spaced.
nlohmann::json own_measures(const Family& family, const NetworkSet& model, const Dataset& data, torch::Device device);

/// Measures the distance of samplers to a session's real images, on the features that its recipe names. Without a
/// feature network it measures nothing. A second feature network, the judge (`evaluation.judge_features`), measures
/// only finished models, so that nothing in training can be chosen by it.
class Evaluator {
 public:
  /// Opens the held-out set, if the recipe names one, loads the feature networks and takes the statistics of the real
  /// images from the cache beside them (cached_statistics), on the root process only. `note`, if any, receives
  /// informational messages. Throws Error if a network cannot be read or does not fit the images, or if the judge is
  /// the network of the tracked distance.
  explicit Evaluator(const TrainingSession& session, const std::function<void(const std::string&)>& note = {});

  /// The real images that distances are to: the held-out set if there is one, else that of the output's domain.
  const Dataset& real_data() const;
  /// The images that a sampler gets that takes some: the same, of the input's domain.
  const Dataset& input_data() const;

  bool has_features() const { return features_ != nullptr; }
  /// Name of the distance.
  std::string distance_name() const { return features_->distance_name(); }
  /// Distance of `samples` images of a sampler, drawn from the random stream `stream`.
  double distance(Sampler& sampler, int64_t samples, Stream stream) const;
  /// How many images of `samples` asked for a sampler makes: of input images, no more than there are.
  int64_t sample_count(const Sampler& sampler, int64_t samples) const;

  /// Name of the judge's distance; empty without a judge.
  std::string judge_name() const { return judge_ ? judge_->distance_name() : ""; }
  /// What measure() needs of the real images.
  struct RealImages {
    torch::Tensor features;                   ///< [n, d] of at most kMostFeatures images, evenly spaced in the set
    std::optional<FeatureStatistics> judges;  ///< of all images, on the judge's features
  };
  RealImages real_images() const;
  /// All measures of a finished model, over the same images as distance() draws. Kernel distance, precision and recall
  /// take at most kMostFeatures of them, evenly spaced.
  FinalMeasures measure(Sampler& sampler, int64_t samples, Stream stream, const RealImages& real) const;

  /// Precision and recall compare every pair of images, so that 10 000 of each kind are usual.
  static constexpr int64_t kMostFeatures = 10000;

  /// How distance() draws its images.
  DrawOptions draw_options(const Sampler& sampler, int64_t samples, Stream stream) const;

 private:
  const TrainingSession& session_;
  std::unique_ptr<Dataset> test_;  // null without a held-out set
  std::function<void(const std::string&)> note_;
  std::shared_ptr<FeatureNetwork> features_, judge_;
  std::unique_ptr<Lpips> lpips_;  // null without evaluation.lpips
  FeatureStatistics real_;
};

}  // namespace dgl
