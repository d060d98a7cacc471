#include "metrics/measure.h"

#include "base/error.h"
#include "metrics/dataset_statistics.h"
#include "metrics/inception_score.h"
#include "metrics/precision_recall.h"
#include "metrics/statistics_cache.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kRealBatch = 64;
constexpr int64_t kNeighbours = 3;
constexpr double kGiB = 1 << 30;

/// Rows that come in batches, in one tensor that is made once.
class Rows {
 public:
  Rows(int64_t count, int64_t width) : rows_(at::empty({count, width}, torch::kFloat)) {}
  void add(const Tensor& part) {
    rows_.slice(0, filled_, filled_ + part.size(0)).copy_(part);
    filled_ += part.size(0);
  }
  const Tensor& all() const { return rows_; }

 private:
  Tensor rows_;
  int64_t filled_ = 0;
};

void check_counts(const MeasureOptions& options, int64_t real, const FeatureNetwork& network) {
  const int64_t fake = options.samples.count;
  if (options.metrics.kid && std::min(real, fake) < options.kid.subset_size) {
    fail("kid: {} real and {} generated images, expected at least --kid-subset-size {} of each", real, fake,
         options.kid.subset_size);
  }
  if (options.metrics.pr && std::min(real, fake) <= kNeighbours) {
    fail("pr: {} real and {} generated images, expected more than {} of each", real, fake, kNeighbours);
  }
  if (options.metrics.is && fake < options.is_splits) {
    fail("is: {} generated images, expected at least --is-splits {}", fake, options.is_splits);
  }
  const uint64_t bytes = held_bytes(options.metrics, real, fake, network);
  if (bytes > options.max_bytes) {
    fail("features of {} real and {} generated images take {:.2f} GiB, more than --memory {:.2f}; give more, fewer "
         "--samples, or --metrics fid, which holds none",
         real, fake, static_cast<double>(bytes) / kGiB, static_cast<double>(options.max_bytes) / kGiB);
  }
  if (bytes > 0) options.note(fmt::format("features held: {:.2f} GiB at most", static_cast<double>(bytes) / kGiB));
}

}  // namespace

MetricSet MetricSet::parse(const std::string& text, const std::string& key) {
  MetricSet set;
  const std::pair<const char*, bool*> names[] = {{"fid", &set.fid}, {"kid", &set.kid}, {"is", &set.is}, {"pr", &set.pr}};
  for (size_t first = 0; first <= text.size();) {
    const size_t comma = std::min(text.find(',', first), text.size());
    const std::string word = text.substr(first, comma - first);
    const auto* found = std::find_if(std::begin(names), std::end(names), [&](const auto& n) { return word == n.first; });
    if (found == std::end(names)) {
      throw UsageError(fmt::format("{} {}: expected fid, kid, is and pr, or some of them, with commas between", key, text));
    }
    *found->second = true;
    first = comma + 1;
  }
  return set;
}

uint64_t held_bytes(const MetricSet& metrics, int64_t real, int64_t fake, const FeatureNetwork& network) {
  // float32 rows, and float64 copies of them: two of the features for precision and recall, three of the class scores.
  const int64_t feature = metrics.pr ? 4 + 2 * 8 : metrics.kid ? 4 : 0, score = metrics.is ? 4 + 3 * 8 : 0;
  return static_cast<uint64_t>((real + fake) * network.dimensions() * feature + fake * network.classes() * score);
}

nlohmann::json measure(Generator& generator, const Dataset& dataset, FeatureNetwork& network,
                       const MeasureOptions& options) {
  const MetricSet& metrics = options.metrics;
  const int64_t real = dataset.info().count, fake = options.samples.count;
  check_counts(options, real, network);
  const int64_t held = metrics.holds_features() ? network.dimensions() : 0;

  nlohmann::json result;
  Rows real_rows(held ? real : 0, held);
  std::optional<FeatureStatistics> real_statistics;
  std::optional<StatisticsCache> cache;
  if (metrics.fid) {
    cache.emplace(dataset, options.network_file, network.distance_name());
    real_statistics = cache->read(network.dimensions(), options.note);
    result["statistics_cached"] = real_statistics.has_value();
  }
  if (held || (metrics.fid && !real_statistics)) {
    StatisticsAccumulator sums;
    for_each_batch(dataset, kRealBatch, [&](const Tensor& images, int64_t done) {
      const Tensor features = network.features(images.to(options.samples.device)).cpu();
      if (cache && !real_statistics) sums.add(features);
      if (held) real_rows.add(features);
      options.progress("real images", done, real);
    });
    if (cache && !real_statistics) {
      real_statistics = sums.finish();
      cache->write(*real_statistics, options.note);
    }
  }

  Rows fake_rows(held ? fake : 0, held), scores(metrics.is ? fake : 0, network.classes());
  StatisticsAccumulator sums;
  int64_t done = 0;
  for_each_sample(generator, options.samples, [&](const Tensor& images) {
    Activations found;
    if (metrics.is) {
      found = network.activations(images);
      scores.add(found.logits);
    } else {
      found.features = network.features(images);
    }
    const Tensor features = found.features.cpu();
    if (metrics.fid) sums.add(features);
    if (held) fake_rows.add(features);
    done += images.size(0);
    options.progress("generated images", done, fake);
  });

  const std::string name = network.distance_name(), prefix = name == "fid" ? "" : name + "_";
  if (metrics.fid) result[name] = frechet_distance(*real_statistics, sums.finish());
  if (metrics.kid) {
    const Kid kid = kernel_distance(real_rows.all(), fake_rows.all(), options.kid);
    result[prefix + "kid_mean"] = kid.mean;
    result[prefix + "kid_std"] = kid.deviation;
  }
  if (metrics.pr) {
    const PrecisionRecall shares = precision_recall(real_rows.all(), fake_rows.all(), kNeighbours);
    result[prefix + "precision"] = shares.precision;
    result[prefix + "recall"] = shares.recall;
  }
  if (metrics.is) {
    const InceptionScore score = inception_score(scores.all(), options.is_splits);
    result[prefix + "is_mean"] = score.mean;
    result[prefix + "is_std"] = score.deviation;
  }
  return result;
}

}  // namespace dgl
