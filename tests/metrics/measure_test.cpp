#include "dgl/metrics/measure.h"

#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/metrics/classifier.h"
#include "dgl/metrics/dataset_statistics.h"
#include "dgl/metrics/inception_score.h"
#include "dgl/metrics/mmd.h"
#include "dgl/metrics/precision_recall.h"
#include "drawn_set.h"
#include "hashed_lpips.h"

namespace dgl::test {
namespace {

using torch::Tensor;

class Measure : public ::testing::Test {
 protected:
  Measure() : bars_(make_bars(folder_, "bars", 90)) {
    torch::manual_seed(3);
    StyleGan2Settings settings;
    settings.resolution = 16;
    settings.img_channels = 1;
    settings.channel_base = 64;
    settings.channel_max = 8;
    settings.z_dim = settings.w_dim = 8;
    settings.mapping_layers = 2;
    generator_ = std::make_shared<StyleGan2Generator>(StyleGan2GeneratorShape::make(settings, {}, false));
    ClassifierShape shape;
    shape.distance = "fd_bars";
    shape.resolution = 16;
    shape.features = 6;
    shape.classes = 3;
    network_ = std::make_shared<Classifier>(shape);
    save_classifier(folder_ / "network", *network_, 0);
    options_.samples.count = 70;
    options_.samples.batch = 32;
    options_.kid = {4, 30};
    options_.network_file = folder_ / "network";
    options_.progress = [this](const std::string& what, int64_t done, int64_t total) {
      told_.push_back(fmt::format("{} {}/{}", what, done, total));
    };
    options_.note = [this](const std::string& line) { told_.push_back(line); };
  }
  nlohmann::json run(const std::string& metrics) {
    told_.clear();
    options_.metrics = MetricSet::parse(metrics, "--metrics");
    return measure(*generator_, bars_, *network_, options_);
  }
  bool told(const std::string& word) const {
    return std::any_of(told_.begin(), told_.end(), [&](const auto& t) { return t.find(word) != std::string::npos; });
  }

  TemporaryFolder folder_;
  Dataset bars_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Classifier> network_;
  MeasureOptions options_;
  std::vector<std::string> told_;
};

// By a perceptual distance, over pairs that batches may separate.
TEST_F(Measure, SamplesDifferFromEachOther) {
  const auto lpips = std::make_shared<Lpips>(hashed_lpips(), "hashed");
  options_.lpips = lpips;
  options_.samples.count = 9;
  options_.samples.batch = 3;
  const auto found = run("fid");
  std::vector<Tensor> images;
  for_each_sample(*generator_, options_.samples, [&](const Tensor& drawn, const Tensor&) { images.push_back(drawn); });
  const Tensor all = to_unit_range(at::cat(images));
  const Tensor distances = (*lpips)(all.slice(0, 0, 8, 2), all.slice(0, 1, 8, 2));
  EXPECT_NEAR(found["lpips_diversity"].get<double>(), distances.mean().item<double>(), 1e-5);
}

TEST_F(Measure, GivesTheNumbersOfAllFeaturesAtOnce) {
  std::vector<Tensor> features, logits;
  for_each_sample(*generator_, options_.samples, [&](const Tensor& images, const Tensor&) {
    features.push_back(network_->activations(images).features);
    logits.push_back(network_->activations(images).logits);
  });
  std::vector<int64_t> every(90);
  for (int64_t i = 0; i < 90; ++i) every[static_cast<size_t>(i)] = i;
  const Tensor real = network_->features(bars_.images(every)), fake = at::cat(features);
  const auto statistics = [](const Tensor& x) {
    StatisticsAccumulator sums;
    sums.add(x);
    return sums.finish();
  };
  const Kid kid = kernel_distance(real, fake, options_.kid);
  const PrecisionRecall shares = precision_recall(real, fake);
  const InceptionScore score = inception_score(at::cat(logits), 10);

  const nlohmann::json found = run("fid,kid,is,pr,dc,mmd,auth");
  const auto near = [&](const char* key, double expected) {
    EXPECT_NEAR(found[key].get<double>(), expected, 1e-4 * std::abs(expected) + 1e-12) << key;
  };
  near("fd_bars", frechet_distance(statistics(real), statistics(fake)));
  near("fd_bars_kid_mean", kid.mean);
  near("fd_bars_kid_std", kid.deviation);
  near("fd_bars_precision", shares.precision);
  near("fd_bars_recall", shares.recall);
  near("fd_bars_authentic", authentic_percentage(real, fake));
  near("fd_bars_mmd", rbf_mmd(real, fake));
  near("fd_bars_density", density_coverage(real, fake).density);
  near("fd_bars_coverage", density_coverage(real, fake).coverage);
  near("fd_bars_is_mean", score.mean);
  near("fd_bars_is_std", score.deviation);
  // The names of the Inception network's numbers are its own.
  for (const char* key : {"fid", "kid_mean", "is_mean", "precision"}) EXPECT_FALSE(found.contains(key)) << key;
  EXPECT_TRUE(told("real images 90/90"));
  EXPECT_TRUE(told("generated images 70/70"));
  EXPECT_TRUE(told("GiB"));
}

// Measured images have noise of their own, each; those that are shown share the stored noise.
TEST_F(Measure, NoiseIsDrawnAnewForEveryImage) {
  torch::NoGradGuard no_grad;
  for (const auto& item : generator_->named_parameters()) {
    if (item.key().ends_with("noise_strength")) item.value().fill_(1);
  }
  options_.samples.psi = 0;  // all of the mean latent
  const auto measured = [&] {
    std::vector<Tensor> images;
    for_each_sample(*generator_, options_.samples,
                    [&](const Tensor& batch, const Tensor&) { images.push_back(batch); });
    return at::cat(images);
  };
  const auto shown = [&] {
    return to_bytes(sample_images(*generator_, draw_condition(generator_->spec(), options_.samples), options_.samples));
  };
  const auto expect_alike = [](const Tensor& images, bool alike) {
    for (int64_t i = 1; i < images.size(0); ++i) EXPECT_EQ(images[i].equal(images[0]), alike) << i;
  };
  const Tensor images = measured(), stored = shown();
  ASSERT_EQ(images.size(0), 70);
  expect_alike(images, false);
  expect_alike(stored, true);
  EXPECT_TRUE(images.equal(measured()));
  options_.samples.random_noise = true;
  EXPECT_TRUE(images.equal(shown()));
  options_.samples.seed = 1;
  EXPECT_FALSE(images[0].equal(measured()[0]));
  options_.samples.random_noise = false;
  EXPECT_TRUE(stored.equal(shown()));
}

TEST_F(Measure, TheSetsStatisticsAreKeptAndTheDistanceStaysTheSame) {
  const nlohmann::json first = run("fid"), second = run("fid"), third = run("fid,pr");
  EXPECT_EQ(first["statistics_cached"], false);
  EXPECT_EQ(second["statistics_cached"], true);
  EXPECT_EQ(first["fd_bars"], second["fd_bars"]);
  EXPECT_EQ(first["fd_bars"], third["fd_bars"]);
  run("fid");
  EXPECT_FALSE(told("real images"));
  EXPECT_FALSE(told("GiB"));
}

TEST_F(Measure, OnlyWhatIsAskedFor) {
  const nlohmann::json found = run("is");
  EXPECT_EQ(found.size(), 2u) << found;
  EXPECT_FALSE(told("real images"));
  EXPECT_EQ(folder_.entries(), 2u) << "a cache that was not asked for";
}

TEST_F(Measure, Errors) {
  for (const char* text : {"", "fid,", "fd", "fid kid"}) {
    expect_error([&] { MetricSet::parse(text, "--metrics"); },
                 {"--metrics", "fid, kid, is, pr, dc, mmd, auth and accuracy"});
  }
  options_.kid.subset_size = 71;
  expect_error([&] { run("kid"); }, {"90 real and 70 generated", "--kid-subset-size 71"});
  options_.is_splits = 71;
  expect_error([&] { run("is"); }, {"70 generated", "--is-splits 71"});
  options_.samples.count = 3;
  expect_error([&] { run("pr"); }, {"90 real and 3 generated", "more than 3"});
  EXPECT_TRUE(told_.empty()) << "it began before it looked";
}

TEST_F(Measure, MemoryIsBoundedBeforeAnythingRuns) {
  // (90 + 70) x 6 features of 20 bytes, 70 x 3 class scores of 28.
  EXPECT_EQ(held_bytes(MetricSet::parse("fid,kid,is,pr", ""), 90, 70, 0, *network_), 160u * 6 * 20 + 70 * 3 * 28);
  EXPECT_EQ(held_bytes(MetricSet::parse("kid", ""), 90, 70, 0, *network_), 160u * 6 * 4);
  EXPECT_EQ(held_bytes(MetricSet::parse("fid", ""), 90, 70, 0, *network_), 0u);
  EXPECT_EQ(held_bytes(MetricSet::parse("fid", ""), 90, 70, 5, *network_), 2u * 5 * 6 * 6 * 8);
  options_.max_bytes = 160 * 6 * 4;
  run("fid,kid");
  expect_error([&] { run("pr"); }, {"--memory", "GiB"});
  EXPECT_TRUE(told_.empty());
}

/// A generator and a feature network of the set's two labels.
struct MeasureLabels : Measure {
  MeasureLabels() {
    StyleGan2Settings settings;
    settings.resolution = 16;
    settings.img_channels = 1;
    settings.channel_base = 64;
    settings.channel_max = 8;
    settings.z_dim = settings.w_dim = 8;
    settings.classes = 2;
    generator_ = std::make_shared<StyleGan2Generator>(StyleGan2GeneratorShape::make(settings, {}, false));
    ClassifierShape shape = network_->shape();
    shape.classes = 2;
    network_ = std::make_shared<Classifier>(shape);
    save_classifier(folder_ / "network", *network_, 0);
    options_.each_label = true;
    options_.is_splits = 2;
  }
};

TEST_F(MeasureLabels, NumbersOfEachLabelAreThoseOfItsImages) {
  options_.samples.label_shares = torch::tensor({0.25f, 0.75f});
  std::vector<Tensor> features, logits, labels;
  for_each_sample(*generator_, options_.samples, [&](const Tensor& images, const Tensor& batch_labels) {
    features.push_back(network_->activations(images).features);
    logits.push_back(network_->activations(images).logits);
    labels.push_back(batch_labels);
  });
  const Tensor fake = at::cat(features), scores = at::cat(logits), drawn = at::cat(labels);
  std::vector<int64_t> every(90);
  for (int64_t i = 0; i < 90; ++i) every[static_cast<size_t>(i)] = i;
  const Tensor real = network_->features(bars_.images(every)), real_labels = bars_.labels(every);
  const nlohmann::json found = run("fid,is,accuracy");
  const Tensor right = scores.argmax(1).eq(drawn).to(torch::kDouble);
  EXPECT_NEAR(found["fd_bars_accuracy"].get<double>(), right.mean().item<double>(), 1e-12);
  ASSERT_EQ(found["labels"].size(), 2u);
  const auto of = [&](size_t label) { return found["labels"][label]["fd_bars"].get<double>(); };
  EXPECT_NEAR(found["intra_fd_bars"].get<double>(), (of(0) + of(1)) / 2, 1e-12 * of(0));
  const char* const names[] = {"across", "upright"};
  for (int64_t label = 0; label < 2; ++label) {
    const nlohmann::json& one = found["labels"][static_cast<size_t>(label)];
    const auto of_label = [&](const Tensor& rows, const Tensor& which) { return rows.index({which.eq(label)}); };
    const auto statistics = [](const Tensor& rows) {
      StatisticsAccumulator sums;
      sums.add(rows);
      return sums.finish();
    };
    EXPECT_EQ(one["label"], label);
    EXPECT_EQ(one["name"], names[label]);
    EXPECT_EQ(one["real"], 45);
    EXPECT_EQ(one["generated"], drawn.eq(label).sum().item<int64_t>());
    const double distance =
        frechet_distance(statistics(of_label(real, real_labels)), statistics(of_label(fake, drawn)));
    EXPECT_NEAR(one["fd_bars"].get<double>(), distance, 1e-4 * distance);
    EXPECT_NEAR(one["fd_bars_is"].get<double>(), inception_score(of_label(scores, drawn), 1).mean, 1e-5);
    EXPECT_NEAR(one["fd_bars_accuracy"].get<double>(), of_label(right, drawn).mean().item<double>(), 1e-12);
  }
}

TEST_F(MeasureLabels, AreDrawnAsOftenAsTheSharesSay) {
  const Tensor drawn = draw_labels(generator_->spec(), 4000, 1, torch::tensor({0.2f, 0.8f}));
  EXPECT_NEAR(drawn.to(torch::kDouble).mean().item<double>(), 0.8, 0.03);
  EXPECT_TRUE(draw_labels(generator_->spec(), 4000, 1, torch::tensor({0.2f, 0.8f})).equal(drawn));
  EXPECT_NEAR(draw_labels(generator_->spec(), 4000, 1).to(torch::kDouble).mean().item<double>(), 0.5, 0.03);
}

TEST_F(MeasureLabels, ThatDoNotFitAreErrors) {
  options_.samples.label_shares = torch::tensor({1.0f, 0.0f});
  expect_error([&] { run("fid"); }, {"label 1 (upright): 45 real and 0 generated"});
  ClassifierShape shape = network_->shape();
  shape.classes = 3;
  network_ = std::make_shared<Classifier>(shape);
  expect_error([&] { run("accuracy"); }, {"3 labels", "takes 2"});
  const Dataset plain(make_bars(folder_, "plain", 90, 1, /*labels=*/false));
  options_.metrics = MetricSet::parse("fid", "--metrics");
  expect_error([&] { measure(*generator_, plain, *network_, options_); }, {"plain: 0 labels", "takes 2"});
}

}  // namespace
}  // namespace dgl::test
