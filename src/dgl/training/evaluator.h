#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/families/model_file.h"
#include "dgl/losses/lpips.h"
#include "dgl/metrics/sample_statistics.h"
#include "dgl/run/summary.h"
#include "dgl/training/session.h"

namespace dgl {

/// Family::own_measures() of a model on at most 1000 images of a set, evenly spaced.
nlohmann::json own_measures(const Family& family, const NetworkSet& model, const Dataset& data, torch::Device device);

/// Measures the distance of samplers to a session's real images, on the features that its recipe names. Without a
/// feature network it measures nothing but what translations have without one. A second feature network, the judge
/// (`evaluation.judge_features`), measures only finished models, so that nothing in training can be chosen by it.
class Evaluator {
 public:
  /// Opens the held-out sets, if the recipe names some, loads the feature networks and takes the statistics of the real
  /// images from the cache beside them (cached_statistics), on the root process only. `note`, if any, receives
  /// informational messages. Throws Error if a set or a network cannot be read or does not fit the images, if the judge
  /// is the network of the tracked distance, or if sets of partners differ in length.
  explicit Evaluator(const TrainingSession& session, const std::function<void(const std::string&)>& note = {});

  /// The real images of a domain that distances are to: the held-out set if there is one, else, and of a family that
  /// makes images of another domain, all of the training set.
  const Dataset& real_data(size_t domain) const;
  const Dataset& real_data() const { return real_data(session_.family().output_domain()); }
  /// The images of a domain that a sampler gets that takes some: the held-out set if there is one.
  const Dataset& input_data(size_t domain) const;
  const Dataset& input_data() const { return input_data(session_.family().input_domain()); }

  bool has_features() const { return features_ != nullptr; }
  /// Name of the distance.
  std::string distance_name() const { return features_->distance_name(); }
  /// Distance of `samples` images of a sampler, drawn from the random stream `stream`.
  double distance(Sampler& sampler, int64_t samples, Stream stream) const;
  /// What is measured of a model while it trains.
  struct ProgressMeasures {
    /// distance() of its sampler; of a model that translates images, the mean over all directions of its family. Absent
    /// without features or one of the directions.
    std::optional<double> distance{};
    /// Of a model that translates images: "fd_a_to_b", …, the distance in each direction, and translation_measures().
    nlohmann::json others = nlohmann::json::object();
  };
  ProgressMeasures measure_progress(const NetworkSet& model, const std::string& origin, Sampler& sampler,
                                    int64_t samples, Stream stream) const;
  /// How many images of `samples` asked for a sampler makes: of input images, no more than there are.
  int64_t sample_count(const Sampler& sampler, int64_t samples) const;

  /// Name of the judge's distance; empty without a judge.
  std::string judge_name() const { return judge_ ? judge_->distance_name() : ""; }
  /// What measure() needs of the real images.
  struct RealImages {
    torch::Tensor features;                   ///< [n, d] of at most kMostFeatures images, evenly spaced in the set
    std::optional<FeatureStatistics> judges;  ///< of all images, on the judge's features
  };
  using RealSets = std::map<size_t, RealImages>;
  /// Those of all domains that images are made of; none without features.
  RealSets real_images() const;
  /// All measures of a finished model, over the same images as distance() draws. Kernel distance, precision and recall
  /// take at most kMostFeatures of them, evenly spaced.
  FinalMeasures measure(Sampler& sampler, int64_t samples, Stream stream, const RealSets& real) const;
  /// The same of all directions of a model that translates images: distances are their means, if it has all directions,
  /// and "translations" in `own` holds the figures of each, "precision_a_to_b", and translation_measures().
  FinalMeasures measure(const std::vector<Translator>& model, int64_t samples, Stream stream,
                        const RealSets& real) const;

  /// Precision and recall compare every pair of images, so that 10 000 of each kind are usual.
  static constexpr int64_t kMostFeatures = 10000;

  /// The domains of a sampler's input and output images.
  struct Domains {
    size_t from = 0, to = 0;
  };
  /// How distance() draws its images.
  DrawOptions draw_options(const Sampler& sampler, Domains domains, int64_t samples, Stream stream) const;

 private:
  Domains usual_domains() const { return {session_.family().input_domain(), session_.family().output_domain()}; }
  /// All domains that images are made of.
  std::vector<size_t> output_domains() const;
  void open_tests();
  void load_features();

  double distance(Sampler& sampler, Domains domains, int64_t samples, Stream stream) const;
  FinalMeasures measure(Sampler& sampler, Domains domains, int64_t samples, Stream stream, const RealSets& real) const;
  RealImages real_images(size_t domain) const;
  nlohmann::json measures_of_translations(const std::vector<Translator>& model, int64_t samples) const;

  const TrainingSession& session_;
  std::vector<std::unique_ptr<Dataset>> tests_;  // by domain; null without a held-out set
  std::function<void(const std::string&)> note_;
  std::shared_ptr<FeatureNetwork> features_, judge_, styles_;  // null without one
  std::unique_ptr<Lpips> lpips_;                               // null without evaluation.lpips
  std::map<size_t, FeatureStatistics> real_;                   // by domain
};

}  // namespace dgl
