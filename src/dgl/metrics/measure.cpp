#include "dgl/metrics/measure.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/metrics/dataset_statistics.h"
#include "dgl/metrics/inception_score.h"
#include "dgl/metrics/mmd.h"
#include "dgl/metrics/precision_recall.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/metrics/statistics_cache.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr double kGiB = 1 << 30;

/// Collects rows from batches in one tensor that is allocated once.
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

/// Adds the rows of a batch to the sums of their labels.
void add_by_label(std::vector<StatisticsAccumulator>& sums, const Tensor& features, const Tensor& labels) {
  const std::set<int64_t> present(labels.data_ptr<int64_t>(), labels.data_ptr<int64_t>() + labels.numel());
  for (const int64_t label : present) {
    sums[static_cast<size_t>(label)].add(features.index_select(0, labels.eq(label).nonzero().view(-1)));
  }
}

/// Checks that sampler, set and network have the same labels, as far as the options need it.
void check_labels(const MeasureOptions& options, const MetricSet& metrics, const Dataset& dataset,
                  const Tensor& fake_labels, int64_t classes, const FeatureNetwork& network) {
  const auto known = static_cast<int64_t>(dataset.info().classes.size());
  if (!options.each_label && !metrics.accuracy) return;
  if (classes == 0)
    fail("accuracy and the numbers of each label need a model that takes labels, or images that have some");
  if (metrics.accuracy && network.classes() != classes) {
    fail("accuracy: the feature network tells {} labels, but the model takes {}", network.classes(), classes);
  }
  if (!options.each_label) return;
  if (known != classes) {
    fail("{}: {} labels, but the model takes {}", dataset.path().string(), known, classes);
  }
  for (int64_t label = 0; label < known; ++label) {
    const auto real = dataset.label_counts()[static_cast<size_t>(label)];
    const auto fake = fake_labels.eq(label).sum().item<int64_t>();
    if (real < 2 || fake < 2) {
      fail("label {} ({}): {} real and {} generated images, expected at least 2 of each", label,
           dataset.info().classes[static_cast<size_t>(label)], real, fake);
    }
  }
}

void check_counts(const MeasureOptions& options, const MetricSet& metrics, int64_t real, int64_t fake, int64_t labels,
                  const FeatureNetwork& network) {
  if (metrics.kid && std::min(real, fake) < options.kid.subset_size) {
    fail("kid: {} real and {} generated images, expected at least --kid-subset-size {} of each", real, fake,
         options.kid.subset_size);
  }
  if (metrics.pr && std::min(real, fake) <= kPrecisionNeighbors) {
    fail("pr: {} real and {} generated images, expected more than {} of each", real, fake, kPrecisionNeighbors);
  }
  if (metrics.dc && std::min(real, fake) <= kDensityNeighbors) {
    fail("dc: {} real and {} generated images, expected more than {} of each", real, fake, kDensityNeighbors);
  }
  if (metrics.is && network.classes() == 0) {
    fail("is: the feature network {} has no class scores", network.distance_name());
  }
  if (metrics.is && fake < options.is_splits) {
    fail("is: {} generated images, expected at least --is-splits {}", fake, options.is_splits);
  }
  const uint64_t bytes = held_bytes(metrics, real, fake, labels, network);
  if (bytes > options.max_bytes) {
    fail(
        "features of {} real and {} generated images take {:.2f} GiB, more than --memory {:.2f}; give more, fewer "
        "--samples, or --metrics fid, which holds none",
        real, fake, static_cast<double>(bytes) / kGiB, static_cast<double>(options.max_bytes) / kGiB);
  }
  if (bytes > 0) options.note(fmt::format("features held: {:.2f} GiB at most", static_cast<double>(bytes) / kGiB));
}

/// The metrics that were asked for, or all that these images and this network allow.
MetricSet chosen_metrics(const MeasureOptions& options, int64_t real, const ImageSource& source, int64_t labels,
                         const FeatureNetwork& network) {
  if (options.metrics) return *options.metrics;
  MetricSet metrics = possible_metrics({.real = real,
                                        .fake = source.count,
                                        .scores = network.classes() > 0 ? source.count : 0,
                                        .kid_subset_size = options.kid.subset_size,
                                        .is_splits = options.is_splits},
                                       options.note);
  metrics.accuracy = source.classes > 0 && network.classes() == source.classes;
  if (source.classes > 0 && !metrics.accuracy) {
    options.note(fmt::format("accuracy: left out: the feature network tells {} labels, but these are {}",
                             network.classes(), source.classes));
  }
  const uint64_t bytes = held_bytes(metrics, real, source.count, labels, network);
  if (metrics.holds_features() && bytes > options.max_bytes) {
    options.note(
        fmt::format("kid, pr, dc, mmd and auth: left out: they hold features of {:.2f} GiB, more than "
                    "--memory {:.2f}",
                    static_cast<double>(bytes) / kGiB, static_cast<double>(options.max_bytes) / kGiB));
    metrics.kid = metrics.pr = metrics.dc = metrics.mmd = metrics.auth = false;
  }
  return metrics;
}

}  // namespace

MetricSet possible_metrics(const MetricLimits& limits, const std::function<void(const std::string&)>& note) {
  const int64_t images = std::min(limits.real, limits.fake);
  MetricSet metrics{.fid = true, .mmd = true, .auth = true};
  const auto allow = [&](bool& metric, const char* name, int64_t have, int64_t least, const char* what) {
    metric = have >= least;
    if (!metric) note(fmt::format("{}: left out: {} {}, expected at least {}", name, have, what, least));
  };
  allow(metrics.kid, "kid", images, limits.kid_subset_size, "images (--kid-subset-size)");
  allow(metrics.pr, "pr", images, kPrecisionNeighbors + 1, "images");
  allow(metrics.dc, "dc", images, kDensityNeighbors + 1, "images");
  allow(metrics.is, "is", limits.scores, limits.is_splits, "images with class scores (--is-splits)");
  return metrics;
}

MetricSet MetricSet::parse(const std::string& text, const std::string& key) {
  MetricSet set;
  const std::pair<const char*, bool*> names[] = {
      {"fid", &set.fid}, {"kid", &set.kid}, {"is", &set.is},     {"pr", &set.pr},
      {"dc", &set.dc},   {"mmd", &set.mmd}, {"auth", &set.auth}, {"accuracy", &set.accuracy}};
  for (size_t first = 0; first <= text.size();) {
    const size_t comma = std::min(text.find(',', first), text.size());
    const std::string word = text.substr(first, comma - first);
    const auto* found =
        std::find_if(std::begin(names), std::end(names), [&](const auto& n) { return word == n.first; });
    if (found == std::end(names)) {
      throw UsageError(fmt::format(
          "{} {}: expected fid, kid, is, pr, dc, mmd, auth and accuracy, or some of them, with commas between", key,
          text));
    }
    *found->second = true;
    first = comma + 1;
  }
  return set;
}

uint64_t held_bytes(const MetricSet& metrics, int64_t real, int64_t fake, int64_t labels,
                    const FeatureNetwork& network) {
  // Rows are float32. Comparisons of neighbors make two float64 copies of the features, the Inception score three of
  // the class scores. There are two covariances per label.
  const int64_t feature = metrics.pr || metrics.dc || metrics.mmd || metrics.auth ? 4 + 2 * 8 : metrics.kid ? 4 : 0;
  const int64_t score = metrics.is ? 4 + 3 * 8 : metrics.accuracy ? 4 : 0;
  const int64_t covariances = metrics.fid ? 2 * labels : 0;
  return static_cast<uint64_t>((real + fake) * network.dimensions() * feature + fake * network.classes() * score +
                               covariances * network.dimensions() * network.dimensions() * 8);
}

ImageSource images_of(const Dataset& set) {
  ImageSource source;
  source.count = set.info().count;
  source.classes = static_cast<int64_t>(set.info().classes.size());
  if (set.labeled()) source.labels = set.labels(evenly_spaced(source.count, source.count));
  source.for_each = [&set](const ImageSource::Use& use) {
    for_each_batch(set, kStatisticsBatch,
                   [&](const Tensor& images, const Tensor& labels, int64_t) { use(images, labels); });
  };
  return source;
}

nlohmann::json measure(Sampler& sampler, const Dataset& dataset, FeatureNetwork& network,
                       const MeasureOptions& options) {
  const SampleSpec spec = sampler.spec();
  const DrawOptions& draws = options.samples;
  return measure({.count = draws.count,
                  .classes = spec.classes,
                  .labels = draw_labels(spec, draws.count, draws.seed, draws.label_shares),
                  .for_each = [&](const ImageSource::Use& use) { for_each_sample(sampler, draws, use); }},
                 dataset, network, options);
}

nlohmann::json measure(const ImageSource& source, const Dataset& dataset, FeatureNetwork& network,
                       const MeasureOptions& options) {
  const int64_t real = dataset.info().count, fake = source.count;
  const int64_t labels = options.each_label ? source.classes : 0;
  const MetricSet metrics = chosen_metrics(options, real, source, labels, network);
  const Tensor& fake_labels = source.labels;
  check_labels(options, metrics, dataset, fake_labels, source.classes, network);
  check_counts(options, metrics, real, fake, labels, network);
  const int64_t held = metrics.holds_features() ? network.dimensions() : 0;

  nlohmann::json result;
  Rows real_rows(held ? real : 0, held);
  std::vector<StatisticsAccumulator> real_of_label(static_cast<size_t>(metrics.fid ? labels : 0));
  std::vector<StatisticsAccumulator> fake_of_label(real_of_label.size());
  std::optional<FeatureStatistics> real_statistics;
  std::optional<StatisticsCache> cache;
  if (metrics.fid && options.keep_statistics) {
    cache.emplace(dataset, options.network_file, network.distance_name());
    real_statistics = cache->read(network.dimensions(), options.note);
    result["statistics_cached"] = real_statistics.has_value();
  }
  if (held || !real_of_label.empty() || (metrics.fid && !real_statistics)) {
    StatisticsAccumulator sums;
    for_each_batch(dataset, kStatisticsBatch, [&](const Tensor& images, const Tensor& real_labels, int64_t done) {
      const Tensor features = network.features(images.to(options.samples.device)).cpu();
      if (metrics.fid && !real_statistics) sums.add(features);
      if (!real_of_label.empty()) add_by_label(real_of_label, features, real_labels);
      if (held) real_rows.add(features);
      options.progress("real images", done, real);
    });
    if (metrics.fid && !real_statistics) {
      real_statistics = sums.finish();
      if (cache) cache->write(*real_statistics, options.note);
    }
  }

  Rows fake_rows(held ? fake : 0, held), scores(metrics.holds_scores() ? fake : 0, network.classes());
  StatisticsAccumulator sums;
  ReconstructionMeasures reconstructions(options.lpips.get());
  ReconstructionMeasures pairs(options.reconstructs ? nullptr : options.lpips.get());
  Tensor unpaired;
  int64_t done = 0;
  source.for_each([&](const Tensor& drawn, const Tensor& batch_labels) {
    const Tensor images = drawn.to(options.samples.device);
    if (options.reconstructs) {
      reconstructions.add(options.samples.inputs.slice(0, done, done + images.size(0)), images.cpu());
    }
    if (options.lpips && !options.reconstructs) {
      const Tensor all = unpaired.defined() ? at::cat({unpaired, images}) : images;
      const int64_t even = all.size(0) / 2 * 2;
      pairs.add(all.slice(0, 0, even, 2), all.slice(0, 1, even, 2));
      unpaired = all.slice(0, even);
    }
    Activations found;
    if (metrics.holds_scores()) {
      found = network.activations(images);
      scores.add(found.logits);
    } else {
      found.features = network.features(images);
    }
    const Tensor features = found.features.cpu();
    if (metrics.fid) sums.add(features);
    if (!fake_of_label.empty()) add_by_label(fake_of_label, features, batch_labels);
    if (held) fake_rows.add(features);
    done += images.size(0);
    options.progress("generated images", done, fake);
  });

  if (options.reconstructs) {
    result["psnr"] = reconstructions.psnr();
    result["ssim"] = reconstructions.ssim();
    if (const auto lpips = reconstructions.lpips()) result["lpips"] = *lpips;
  }
  if (const auto diversity = pairs.lpips()) result["lpips_diversity"] = *diversity;
  const std::string name = network.distance_name(), prefix = name == "fid" ? "" : name + "_";
  if (metrics.fid) result[name] = frechet_distance(*real_statistics, sums.finish());
  if (metrics.kid) {
    const Kid kid = kernel_distance(real_rows.all(), fake_rows.all(), options.kid);
    result[prefix + "kid_mean"] = kid.mean;
    result[prefix + "kid_std"] = kid.deviation;
  }
  if (metrics.pr) {
    const PrecisionRecall shares = precision_recall(real_rows.all(), fake_rows.all(), kPrecisionNeighbors);
    result[prefix + "precision"] = shares.precision;
    result[prefix + "recall"] = shares.recall;
  }
  if (metrics.dc) {
    const DensityCoverage found = density_coverage(real_rows.all(), fake_rows.all(), kDensityNeighbors);
    result[prefix + "density"] = found.density;
    result[prefix + "coverage"] = found.coverage;
  }
  if (metrics.mmd) result[prefix + "mmd"] = rbf_mmd(real_rows.all(), fake_rows.all());
  if (metrics.auth) result[prefix + "authentic"] = authentic_percentage(real_rows.all(), fake_rows.all());
  if (metrics.is) {
    const InceptionScore score = inception_score(scores.all(), options.is_splits);
    result[prefix + "is_mean"] = score.mean;
    result[prefix + "is_std"] = score.deviation;
  }
  const Tensor right = metrics.accuracy ? scores.all().argmax(1).eq(fake_labels).to(torch::kDouble) : Tensor();
  if (metrics.accuracy) result[prefix + "accuracy"] = right.mean().item<double>();
  double intra = 0;
  for (int64_t label = 0; label < labels; ++label) {
    const auto place = static_cast<size_t>(label);
    const Tensor rows = fake_labels.eq(label).nonzero().view(-1);
    nlohmann::json one = {{"label", label},
                          {"name", dataset.info().classes[place]},
                          {"real", dataset.label_counts()[place]},
                          {"generated", rows.numel()}};
    if (metrics.fid) {
      one[name] = frechet_distance(real_of_label[place].finish(), fake_of_label[place].finish());
      intra += one[name].get<double>() / static_cast<double>(labels);
    }
    if (metrics.is) one[prefix + "is"] = inception_score(scores.all().index_select(0, rows), 1).mean;
    if (metrics.accuracy) one[prefix + "accuracy"] = right.index_select(0, rows).mean().item<double>();
    result["labels"].push_back(one);
  }
  if (metrics.fid && labels > 0) result["intra_" + name] = intra;
  return result;
}

}  // namespace dgl
