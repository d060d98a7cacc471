#include "dgl/metrics/train_classifier.h"

#include "drawn_set.h"

namespace dgl::test {
namespace {

ClassifierOptions bar_options() {
  ClassifierOptions options;
  options.shape.distance = "fd_bars";
  options.shape.resolution = 16;
  options.shape.features = 8;
  options.shape.classes = 2;
  options.batch = 16;
  options.epochs = 4;
  return options;
}

TEST(TrainClassifier, LearnsToTellBarsAndRepeatsItself) {
  const TemporaryFolder folder;
  const Dataset bars(make_bars(folder, "bars", 200));
  std::vector<double> losses, accuracies;
  const auto first = train_classifier(bars, bar_options(), [&](int64_t epoch, double loss, double accuracy) {
    EXPECT_EQ(epoch, static_cast<int64_t>(losses.size()) + 1);
    losses.push_back(loss);
    accuracies.push_back(accuracy);
  });
  ASSERT_EQ(losses.size(), 4u);
  EXPECT_LT(losses.back(), losses.front() / 4);
  EXPECT_EQ(first.accuracy, accuracies.back());
  EXPECT_GE(first.accuracy, 0.95);

  // Accuracy on all images through the interface that metrics use, labels as drawn.
  std::vector<int64_t> all(200);
  for (int64_t i = 0; i < 200; ++i) all[static_cast<size_t>(i)] = i;
  const torch::Tensor guess = first.network->activations(bars.images(all)).logits.argmax(1);
  EXPECT_GE(guess.eq(bars.labels(all)).to(torch::kDouble).mean().item<double>(), 0.95);

  const auto again = train_classifier(bars, bar_options(), {});
  ClassifierOptions other = bar_options();
  other.seed = 1;
  other.epochs = 1;
  const auto different = train_classifier(bars, other, {});
  const auto a = first.network->parameters(), b = again.network->parameters(), c = different.network->parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(a[i].equal(b[i])) << i;
    EXPECT_FALSE(a[i].equal(c[i])) << i;
  }
}

TEST(TrainClassifier, RefusesSetsThatDoNotFit) {
  const TemporaryFolder folder;
  const auto refused = [&](const fs::path& path, ClassifierOptions options, const std::vector<std::string>& words) {
    const Dataset set(path);
    expect_error([&] { train_classifier(set, options, {}); }, words);
  };
  ClassifierOptions ten = bar_options(), large = bar_options();
  ten.shape.classes = 10;
  large.shape.resolution = 32;
  refused(make_bars(folder, "bare", 40, 1, false), bar_options(), {"bare", "no labels"});
  refused(make_bars(folder, "few", 19), bar_options(), {"few", "19 images"});
  refused(make_bars(folder, "rgb", 40, 3), bar_options(), {"rgb", "3 x 16 x 16", "1 x 16 x 16"});
  refused(make_bars(folder, "two", 40), ten, {"two", "2 labels", "classes = 10"});
  refused(make_bars(folder, "small", 40), large, {"small", "1 x 16 x 16", "1 x 32 x 32"});
}

}  // namespace
}  // namespace dgl::test
