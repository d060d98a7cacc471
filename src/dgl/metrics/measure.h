#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "dgl/metrics/kid.h"
#include "dgl/metrics/sample_statistics.h"

namespace dgl {

/// Which numbers are wanted.
struct MetricSet {
  bool fid = false, kid = false, is = false, pr = false, accuracy = false;

  /// "fid,kid,is,pr,accuracy" or some of them; UsageError, naming `key`, for anything else.
  static MetricSet parse(const std::string& text, const std::string& key);
  /// Whether features of every image have to be held.
  bool holds_features() const { return kid || pr; }
  /// Whether class scores of every generated image have to be held.
  bool holds_scores() const { return is || accuracy; }
};

struct MeasureOptions {
  MetricSet metrics;
  DrawOptions samples;
  KidOptions kid;
  int64_t is_splits = 10;
  uint64_t max_bytes = uint64_t{8} << 30;  ///< of features and class scores held at once
  bool each_label = false;             ///< the Fréchet distance, IS and accuracy of every label's images alone, too
  std::filesystem::path network_file;  ///< what the feature network was read from: part of the cache's key
  /// Told after every batch; and what there is to tell besides.
  std::function<void(const std::string& what, int64_t done, int64_t total)> progress;
  std::function<void(const std::string&)> note;
};

/// Measures a generator's images against a set's. Images are streamed, and so are their features for the Fréchet
/// distance; KID and precision/recall hold the features of all images, the Inception score the class scores of the
/// generated ones. The set's statistics are taken from the cache beside it, or left there (StatisticsCache). The
/// accuracy is the share of a conditional generator's images that the network takes for the label they were made for.
///
/// With the Inception network the keys are fid, kid_mean, kid_std, precision, recall, is_mean, is_std. With another
/// network, whose distance is `fd_x`, they are fd_x, fd_x_kid_mean and so on: those names are the Inception network's.
/// Beside them statistics_cached says whether the set's statistics came from the cache, and, with each_label, `labels`
/// is a list of objects: label, name, real and generated (images), and the numbers of that label, its IS in one split.
/// Error, before anything is computed, for too few images, labels that do not fit, or where more than max_bytes would
/// be held.
nlohmann::json measure(Sampler& sampler, const Dataset& dataset, FeatureNetwork& network,
                       const MeasureOptions& options);

/// The most bytes that measure() holds in features, class scores and the statistics of `labels` labels at a time.
uint64_t held_bytes(const MetricSet& metrics, int64_t real, int64_t fake, int64_t labels,
                    const FeatureNetwork& network);

}  // namespace dgl
