#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dgl/losses/lpips.h"
#include "dgl/metrics/kid.h"
#include "dgl/metrics/sample_statistics.h"

namespace dgl {

/// The metrics to compute.
struct MetricSet {
  bool fid = false, kid = false, is = false, pr = false, dc = false, mmd = false, auth = false, accuracy = false;

  /// Parses a comma-separated subset of "fid,kid,is,pr,dc,mmd,auth,accuracy". Throws UsageError, naming `key`, for
  /// anything else.
  static MetricSet parse(const std::string& text, const std::string& key);
  /// True if the features of all images must be held in memory.
  bool holds_features() const { return kid || pr || dc || mmd || auth; }
  /// True if the class scores of all generated images must be held in memory.
  bool holds_scores() const { return is || accuracy; }
};

/// What decides which metrics two sets of features allow.
struct MetricLimits {
  int64_t real = 0, fake = 0;  ///< numbers of images
  int64_t scores = 0;          ///< number of generated images with class scores
  int64_t kid_subset_size = 0, is_splits = 0;
};

/// All metrics that sets of features allow. Calls `note` with a line for each that they do not. Accuracy is not among
/// them.
MetricSet possible_metrics(const MetricLimits& limits, const std::function<void(const std::string&)>& note);

struct MeasureOptions {
  std::optional<MetricSet> metrics;  ///< those to compute; without them all that are possible, with notes of the others
  DrawOptions samples;
  KidOptions kid;
  int64_t is_splits = 10;
  uint64_t max_bytes = uint64_t{8} << 30;  ///< limit on features and class scores held at once
  bool reconstructs = false;               ///< whether the images stand for `samples.inputs`, to be compared with them
  std::shared_ptr<const Lpips> lpips;      ///< compares them too, if it is there, or other images with each other
  bool each_label = false;                 ///< also compute Fréchet distance, IS and accuracy for each label's images
  std::filesystem::path network_file;      ///< file of the feature network; part of the cache's key
  bool keep_statistics = true;             ///< whether the real images' statistics are kept beside their set
  /// Progress callback, called after every batch. `note` receives informational messages.
  std::function<void(const std::string& what, int64_t done, int64_t total)> progress;
  std::function<void(const std::string&)> note;
};

/// Images that are compared with a set's, in batches.
struct ImageSource {
  using Use = std::function<void(const torch::Tensor& images_u8, const torch::Tensor& labels)>;

  int64_t count = 0;
  int64_t classes = 0;                             ///< number of labels; 0: none
  torch::Tensor labels{};                          ///< [count] in the order of the images; undefined without labels
  std::function<void(const Use& use)> for_each{};  ///< passes all images [n, C, R, R] uint8, and labels [n]
};

/// The images of a packed set. It has to outlive the source.
ImageSource images_of(const Dataset& set);

/// Compares images with a set's. Images are streamed, and so are features for the Fréchet distance. KID,
/// precision/recall and density/coverage hold the features of all images; the Inception score holds the class scores of
/// the generated ones. The set's statistics are read from the cache beside it, or written there (StatisticsCache).
/// Accuracy is the share of a conditional generator's images that the network classifies as their label.
///
/// The keys of the result with the Inception network are fid, kid_mean, kid_std, precision, recall, density, coverage,
/// mmd, authentic, is_mean, is_std, accuracy. With another network, whose distance is `fd_x`, they are fd_x,
/// fd_x_kid_mean and so on, because the short names are reserved for the Inception network. In addition:
/// - psnr, ssim and, with a network for it, lpips of images that reconstruct others (metrics/reconstruction.h)
/// - lpips_diversity, with that network, of other images: the mean distance of the first from the second, of the third
///   from the fourth and so on
/// - statistics_cached: true if the set's statistics came from the cache
/// - intra_fid, or intra_fd_x, with `each_label`: the mean of the distances of all labels
/// - labels, with `each_label`: a list of objects with label, name, the numbers of real and generated images, and the
///   label's metrics; its IS has one split
/// Throws Error, before computing anything, if there are too few images, if labels do not fit, or if more than
/// `max_bytes` would be held.
nlohmann::json measure(const ImageSource& source, const Dataset& dataset, FeatureNetwork& network,
                       const MeasureOptions& options);
/// The same of the images that a sampler draws (`options.samples`).
nlohmann::json measure(Sampler& sampler, const Dataset& dataset, FeatureNetwork& network,
                       const MeasureOptions& options);

/// Returns an upper bound, in bytes, on the features, class scores and statistics of `labels` labels that measure()
/// holds.
uint64_t held_bytes(const MetricSet& metrics, int64_t real, int64_t fake, int64_t labels,
                    const FeatureNetwork& network);

}  // namespace dgl
