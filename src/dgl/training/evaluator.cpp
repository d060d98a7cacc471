#include "dgl/training/evaluator.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/metrics/kid.h"
#include "dgl/metrics/precision_recall.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/metrics/statistics_cache.h"
#include "dgl/training/translations.h"

namespace dgl {

namespace {
constexpr int64_t kRealBatch = 256;

}  // namespace

nlohmann::json own_measures(const Family& family, const NetworkSet& model, const Dataset& data, torch::Device device) {
  constexpr int64_t kImages = 1000;
  const std::vector<int64_t> kept = evenly_spaced(data.info().count, kImages);
  const torch::Tensor labels = data.labeled() ? data.labels(kept).to(device) : torch::Tensor();
  return family.own_measures(model, to_unit_range(data.images(kept)).to(device), labels);
}

Evaluator::Evaluator(const TrainingSession& session, const std::function<void(const std::string&)>& note)
    : session_(session), note_(note) {
  open_tests();
  const std::string& judge = session.recipe.run.judge_features;
  if (!judge.empty() && session.recipe.run.features.empty()) {
    fail("evaluation.judge_features = \"{}\": expected evaluation.features with it", judge);
  }
  const std::string& lpips = session.recipe.run.lpips;
  if (!lpips.empty() && session.recipe.run.features.empty()) {
    fail("evaluation.lpips = \"{}\": expected evaluation.features with it", lpips);
  }
  if (session.processes->is_root()) load_features();
}

void Evaluator::open_tests() {
  const RunRecipe& run = session_.recipe.run;
  const std::vector<std::pair<const char*, std::string>> files{{"test", run.test}, {"test_b", run.test_b}};
  const Family& family = session_.family();
  tests_.resize(std::max(files.size(), family.domains().size()));
  for (size_t domain = 0; domain < files.size(); ++domain) {
    const auto& [key, file] = files[domain];
    if (file.empty()) continue;
    if (domain >= family.domains().size()) {
      fail("evaluation.{} = \"{}\": a {} has one domain of data", key, file, family.name());
    }
    tests_[domain] = std::make_unique<Dataset>(file);
    const DatasetInfo &own = tests_[domain]->info(), &data = session_.data[domain]->info();
    if (own.resolution != data.resolution || own.channels != data.channels) {
      fail("{}: evaluation.{}: images of {} x {} x {}, expected {} x {} x {} as in the data", file, key, own.channels,
           own.resolution, own.resolution, data.channels, data.resolution, data.resolution);
    }
  }
  if (!session_.recipe.partners) return;
  std::vector<const Dataset*> sets;
  for (size_t domain = 0; domain < family.domains().size(); ++domain) {
    if (family.directions().empty() || !tests_[domain]) {
      fail("evaluation.partners: expected a family that translates images, with evaluation.test and test_b");
    }
    sets.push_back(tests_[domain].get());
  }
  check_partners(sets, "evaluation.partners");
}

void Evaluator::load_features() {
  const RunRecipe& run = session_.recipe.run;
  const auto load = [&](std::shared_ptr<FeatureNetwork> network, const Dataset& data) {
    network->to(session_.device);
    network->features(data.images({0}).to(session_.device));  // throws before training if it does not fit
    return network;
  };
  if (!run.styles.empty()) {
    if (session_.family().directions().empty()) {
      fail("evaluation.styles = \"{}\": a {} translates no images", run.styles, session_.family().name());
    }
    styles_ = load(load_style_classifier(run.styles, session_.family(), "evaluation.styles"), real_data());
  }
  if (run.features.empty()) return;
  features_ = load_feature_network(run.features);
  features_->to(session_.device);
  for (const size_t domain : output_domains()) {
    real_[domain] = cached_statistics(real_data(domain), *features_, run.features, session_.device, note_);
  }
  if (!run.lpips.empty()) {
    if (!session_.family().reconstructs()) {
      fail("{}: evaluation.lpips: a {} reconstructs no images", run.lpips, session_.family().name());
    }
    lpips_ = std::make_unique<Lpips>(load_lpips(run.lpips));
    lpips_->to(session_.device);
  }
  const std::string& judge = run.judge_features;
  if (judge.empty()) return;
  std::error_code missing;  // which load_feature_network() reports
  if (std::filesystem::equivalent(judge, run.features, missing)) {
    fail("{}: evaluation.judge_features: expected another network than evaluation.features", judge);
  }
  judge_ = load(load_feature_network(judge), real_data());
}

std::vector<size_t> Evaluator::output_domains() const {
  std::vector<size_t> domains;
  for (const Direction& direction : session_.family().directions()) domains.push_back(direction.to);
  if (domains.empty()) domains.push_back(session_.family().output_domain());
  return domains;
}

const Dataset& Evaluator::real_data(size_t domain) const {
  const Family& family = session_.family();
  const bool held_out = tests_[domain] && family.input_domain() == family.output_domain();
  return held_out ? *tests_[domain] : *session_.data[domain];
}

const Dataset& Evaluator::input_data(size_t domain) const {
  return tests_[domain] ? *tests_[domain] : *session_.data[domain];
}

int64_t Evaluator::sample_count(const Sampler& sampler, int64_t samples) const {
  return sampler.spec().input ? std::min(samples, input_data().info().count) : samples;
}

DrawOptions Evaluator::draw_options(const Sampler& sampler, Domains domains, int64_t samples, Stream stream) const {
  DrawOptions options;
  options.count = samples;
  options.seed = session_.seed(stream);
  options.device = session_.device;
  options.label_shares = session_.label_shares;
  if (!sampler.spec().input) return options;
  const Dataset& inputs = input_data(domains.from);
  options.count = std::min(samples, inputs.info().count);
  options.inputs = inputs.images(evenly_spaced(inputs.info().count, options.count));
  return options;
}

double Evaluator::distance(Sampler& sampler, int64_t samples, Stream stream) const {
  return distance(sampler, usual_domains(), samples, stream);
}

double Evaluator::distance(Sampler& sampler, Domains domains, int64_t samples, Stream stream) const {
  const DrawOptions options = draw_options(sampler, domains, samples, stream);
  return frechet_distance(sample_statistics(sampler, *features_, options), real_.at(domains.to));
}

Evaluator::ProgressMeasures Evaluator::measure_progress(const NetworkSet& model, const std::string& origin,
                                                        Sampler& sampler, int64_t samples, Stream stream) const {
  ProgressMeasures progress;
  const auto translators = translators_of(model, origin);
  if (translators.empty()) {
    if (features_) progress.distance = distance(sampler, samples, stream);
    return progress;
  }
  if (features_) {
    double sum = 0;
    for (const auto& [direction, there, back] : translators) {
      const double one = distance(*there, {direction.from, direction.to}, samples, stream);
      progress.others["fd_" + direction.name] = one;
      sum += one;
    }
    if (translators.size() == output_domains().size()) {
      progress.distance = sum / static_cast<double>(translators.size());
    }
  }
  progress.others.update(measures_of_translations(translators, samples));
  return progress;
}

nlohmann::json Evaluator::measures_of_translations(const std::vector<Translator>& model, int64_t samples) const {
  const Family& family = session_.family();
  TranslationSets sets{.partners = session_.recipe.partners, .images = samples};
  for (size_t domain = 0; domain < family.domains().size(); ++domain) sets.domains.push_back(&input_data(domain));
  return translation_measures(model, family, sets, features_.get(), styles_.get(), session_.device);
}

Evaluator::RealSets Evaluator::real_images() const {
  RealSets all;
  if (!features_) return all;
  for (const size_t domain : output_domains()) all[domain] = real_images(domain);
  return all;
}

Evaluator::RealImages Evaluator::real_images(size_t domain) const {
  const Dataset& data = real_data(domain);
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

FinalMeasures Evaluator::measure(Sampler& sampler, int64_t samples, Stream stream, const RealSets& real) const {
  return measure(sampler, usual_domains(), samples, stream, real);
}

FinalMeasures Evaluator::measure(const std::vector<Translator>& model, int64_t samples, Stream stream,
                                 const RealSets& real) const {
  nlohmann::json figures = measures_of_translations(model, samples);
  FinalMeasures all{.own = {{"translations", figures}}};
  if (!features_) return all;
  double distances = 0, judge_distances = 0;
  for (const auto& [direction, there, back] : model) {
    const FinalMeasures one = measure(*there, {direction.from, direction.to}, samples, stream, real);
    const nlohmann::json numbers = figures_of(one);
    for (const auto& [name, value] : numbers.items()) figures[name + "_" + direction.name] = value;
    distances += *one.distance;
    judge_distances += one.judge_distance.value_or(0);
  }
  all.own["translations"] = figures;
  if (model.size() != output_domains().size()) return all;
  const auto count = static_cast<double>(model.size());
  all.distance = distances / count;
  if (judge_) all.judge_distance = judge_distances / count;
  return all;
}

FinalMeasures Evaluator::measure(Sampler& sampler, Domains domains, int64_t samples, Stream stream,
                                 const RealSets& real_sets) const {
  const RealImages& real = real_sets.at(domains.to);
  const DrawOptions options = draw_options(sampler, domains, samples, stream);
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
  FinalMeasures measures{.distance = frechet_distance(sums.finish(), real_.at(domains.to))};
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
  if (fewest > kPrecisionNeighbors) {
    const PrecisionRecall shares = precision_recall(real.features, fake, kPrecisionNeighbors);
    measures.precision = shares.precision;
    measures.recall = shares.recall;
  }
  return measures;
}

}  // namespace dgl
