#include "dgl/training/evaluator.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/metrics/kid.h"
#include "dgl/metrics/precision_recall.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/metrics/statistics_cache.h"

namespace dgl {

namespace {
constexpr int64_t kRealBatch = 256;
constexpr int64_t kNeighbors = 3;  // of precision and recall

}  // namespace

nlohmann::json own_measures(const Family& family, const NetworkSet& model, const Dataset& data, torch::Device device) {
  constexpr int64_t kImages = 1000;
  const std::vector<int64_t> kept = evenly_spaced(data.info().count, kImages);
  const torch::Tensor labels = data.labeled() ? data.labels(kept).to(device) : torch::Tensor();
  return family.own_measures(model, to_unit_range(data.images(kept)).to(device), labels);
}

Evaluator::Evaluator(const TrainingSession& session, const std::function<void(const std::string&)>& note)
    : session_(session), note_(note) {
  if (const std::string& test = session.recipe.run.test; !test.empty()) {
    test_ = std::make_unique<Dataset>(test);
    const DatasetInfo &own = test_->info(), &data = session.data[0]->info();
    if (own.resolution != data.resolution || own.channels != data.channels) {
      fail("{}: evaluation.test: images of {} x {} x {}, expected {} x {} x {} as in the data", test, own.channels,
           own.resolution, own.resolution, data.channels, data.resolution, data.resolution);
    }
  }
  const std::string& judge = session.recipe.run.judge_features;
  if (!judge.empty() && session.recipe.run.features.empty()) {
    fail("evaluation.judge_features = \"{}\": expected evaluation.features with it", judge);
  }
  if (!session.processes->is_root() || session.recipe.run.features.empty()) return;
  features_ = load_feature_network(session.recipe.run.features);
  features_->to(session.device);
  const Dataset& real = real_data();
  real_ = cached_statistics(real, *features_, session.recipe.run.features, session.device, note_);
  if (const std::string& lpips = session.recipe.run.lpips; !lpips.empty()) {
    if (!session.family().reconstructs()) {
      fail("{}: evaluation.lpips: a {} reconstructs no images", lpips, session.recipe.family);
    }
    lpips_ = std::make_unique<Lpips>(load_lpips(lpips));
    lpips_->to(session.device);
  }
  if (judge.empty()) return;
  std::error_code missing;  // which load_feature_network() reports
  if (std::filesystem::equivalent(judge, session.recipe.run.features, missing)) {
    fail("{}: evaluation.judge_features: expected another network than evaluation.features", judge);
  }
  judge_ = load_feature_network(judge);
  judge_->to(session.device);
  judge_->features(real.images({0}).to(session.device));  // throws before training if it does not fit
}

const Dataset& Evaluator::real_data() const {
  const Family& family = session_.family();
  // A set that is held out is of the images that the sampler takes, where it makes others of them.
  const bool held_out = test_ && family.input_domain() == family.output_domain();
  return held_out ? *test_ : *session_.data[family.output_domain()];
}

const Dataset& Evaluator::input_data() const {
  return test_ ? *test_ : *session_.data[session_.family().input_domain()];
}

int64_t Evaluator::sample_count(const Sampler& sampler, int64_t samples) const {
  return sampler.spec().input ? std::min(samples, input_data().info().count) : samples;
}

DrawOptions Evaluator::draw_options(const Sampler& sampler, int64_t samples, Stream stream) const {
  DrawOptions options;
  options.count = sample_count(sampler, samples);
  options.seed = session_.seed(stream);
  options.device = session_.device;
  options.label_shares = session_.label_shares;
  if (sampler.spec().input) {
    options.inputs = input_data().images(evenly_spaced(input_data().info().count, options.count));
  }
  return options;
}

double Evaluator::distance(Sampler& sampler, int64_t samples, Stream stream) const {
  return frechet_distance(sample_statistics(sampler, *features_, draw_options(sampler, samples, stream)), real_);
}

Evaluator::RealImages Evaluator::real_images() const {
  const Dataset& data = real_data();
  RealImages real;
  std::vector<torch::Tensor> parts;
  const std::vector<int64_t> kept = evenly_spaced(data.info().count, kMostFeatures);
  for (size_t first = 0; first < kept.size(); first += kRealBatch) {
    const size_t last = std::min(kept.size(), first + kRealBatch);
    const std::vector<int64_t> batch(kept.begin() + static_cast<int64_t>(first),
                                     kept.begin() + static_cast<int64_t>(last));
    parts.push_back(features_->features(data.images(batch).to(session_.device)).cpu());
  }
  real.features = at::cat(parts);
  if (judge_)
    real.judges = cached_statistics(data, *judge_, session_.recipe.run.judge_features, session_.device, note_);
  return real;
}

FinalMeasures Evaluator::measure(Sampler& sampler, int64_t samples, Stream stream, const RealImages& real) const {
  const DrawOptions options = draw_options(sampler, samples, stream);
  const std::vector<int64_t> kept = evenly_spaced(options.count, kMostFeatures);
  std::vector<torch::Tensor> parts;
  StatisticsAccumulator sums, judges_sums;
  ReconstructionMeasures reconstructions(lpips_.get());
  const bool reconstructs = session_.family().reconstructs() && options.inputs.defined();
  int64_t done = 0;
  size_t next = 0;
  for_each_sample(sampler, options, [&](const torch::Tensor& images, const auto&) {
    if (reconstructs) {
      reconstructions.add(options.inputs.slice(0, done, done + images.size(0)), images.cpu());
    }
    const torch::Tensor features = features_->features(images);
    sums.add(features);
    if (judge_) judges_sums.add(judge_->features(images));
    std::vector<int64_t> rows;
    for (; next < kept.size() && kept[next] < done + images.size(0); ++next) rows.push_back(kept[next] - done);
    parts.push_back(features.cpu().index_select(0, torch::tensor(rows, torch::kLong)));
    done += images.size(0);
  });
  const torch::Tensor fake = at::cat(parts);
  FinalMeasures measures{.distance = frechet_distance(sums.finish(), real_)};
  if (judge_) measures.judge_distance = frechet_distance(judges_sums.finish(), *real.judges);
  if (reconstructions.count() > 0) {
    measures.psnr = reconstructions.psnr();
    measures.ssim = reconstructions.ssim();
    measures.lpips = reconstructions.lpips();
  }
  const int64_t fewest = std::min(real.features.size(0), fake.size(0));
  KidOptions kid_options;
  kid_options.subset_size = std::min(kid_options.subset_size, fewest);
  if (fewest > 1) {
    const Kid kid = kernel_distance(real.features, fake, kid_options);
    measures.kid_mean = kid.mean;
    measures.kid_deviation = kid.deviation;
  }
  if (fewest > kNeighbors) {
    const PrecisionRecall shares = precision_recall(real.features, fake, kNeighbors);
    measures.precision = shares.precision;
    measures.recall = shares.recall;
  }
  return measures;
}

}  // namespace dgl
