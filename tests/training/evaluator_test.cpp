#include "dgl/training/evaluator.h"

#include "dgl/base/torch.h"
#include "dgl/metrics/classifier.h"
#include "dgl/metrics/measure.h"
#include "dgl/metrics/statistics_cache.h"
#include "drawn_set.h"

namespace dgl::test {
namespace {

/// A session of `dgl train` on drawn images, with a classifier of random weights for its feature network.
class EvaluatorTest : public ::testing::Test {
 protected:
  EvaluatorTest() {
    ClassifierShape shape;
    shape.distance = "fd_bars";
    shape.resolution = 16;
    shape.features = 6;
    shape.classes = 2;
    torch::manual_seed(3);
    save_classifier(folder_ / "network", Classifier(shape), 0);
    Recipe recipe = parse_recipe(R"(
[network]
resolution = 16
img_channels = 1
channel_base = 64
channel_max = 6
z_dim = 5
w_dim = 5
mapping_layers = 2
[training]
batch = 4
)",
                                 "test");
    recipe.run.command = "train";
    recipe.run.data = make_bars(folder_, "bars", 90).string();
    recipe.run.features = (folder_ / "network").string();
    recipe.run.device = "cpu";
    session_ = make_session(recipe, processes_);
  }
  StatisticsCache cache() const { return {*session_->data[0], folder_ / "network", "fd_bars"}; }
  double distance() {
    return Evaluator(*session_, [this](const std::string& line) { notes_ += line; })
        .distance(sampler(), 70, Stream::evaluation);
  }
  Sampler& sampler() { return *session_->student.networks.best<Generator>("generator"); }

  TemporaryFolder folder_;
  ProcessGroup processes_;
  std::unique_ptr<TrainingSession> session_;
  std::string notes_;
};

TEST_F(EvaluatorTest, TakesTheStatisticsOfTheSetFromTheCache) {
  EXPECT_FALSE(fs::exists(cache().path()));
  const double first = distance();
  ASSERT_TRUE(fs::exists(cache().path()));
  EXPECT_EQ(distance(), first);
  // Others in the file give another distance.
  FeatureStatistics statistics = *cache().read(6, {});
  statistics.mean = statistics.mean + 1;
  cache().write(statistics, {});
  EXPECT_NE(distance(), first);
  // Damage is noted, and the statistics are taken anew.
  EXPECT_EQ(notes_, "");
  write_file(cache().path(), "x");
  EXPECT_EQ(distance(), first);
  EXPECT_NE(notes_.find("anew"), std::string::npos) << notes_;
}

// `dgl eval` and a run keep the same bits.
TEST_F(EvaluatorTest, SharesTheCacheWithMeasure) {
  const auto network = load_feature_network(folder_ / "network");
  MeasureOptions options;
  options.metrics = MetricSet{.fid = true};
  options.samples = {.count = 70, .seed = session_->seed(Stream::evaluation)};
  options.network_file = folder_ / "network";
  options.progress = [](const std::string&, int64_t, int64_t) {};
  const auto measured = [&] { return measure(sampler(), *session_->data[0], *network, options); };
  const nlohmann::json first = measured();
  const std::string kept = read_file(cache().path());
  const double from_measures_cache = distance();
  fs::remove(cache().path());
  EXPECT_EQ(distance(), from_measures_cache);
  EXPECT_EQ(read_file(cache().path()), kept);
  const nlohmann::json second = measured();
  EXPECT_EQ(first["statistics_cached"], false);
  EXPECT_EQ(second["statistics_cached"], true);
  EXPECT_EQ(first["fd_bars"], second["fd_bars"]);
  // Real and generated images change places there, which rounds otherwise.
  EXPECT_NEAR(first["fd_bars"].get<double>(), from_measures_cache, 1e-9);
}

}  // namespace
}  // namespace dgl::test
