#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/formats/image_file.h"
#include "dgl/metrics/classifier.h"
#include "dgl/metrics/dataset_statistics.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/run/run_log.h"
#include "dgl/training/evaluator.h"
#include "dgl/training/translations.h"
#include "training/cyclegan_session.h"

namespace dgl::test {
namespace {

/// Runs of the small CycleGAN that are measured.
class CycleGanMeasuresTest : public CycleGanSessionTest {
 protected:
  std::string put_classifier(const std::string& name, int64_t classes = 2) {
    ClassifierShape shape;
    shape.distance = name;
    shape.resolution = 16;
    shape.features = 4;
    shape.classes = classes;
    torch::manual_seed(5);
    save_classifier(folder_ / name, Classifier(shape), 0);
    return (folder_ / name).string();
  }
  std::string put_set(const std::string& name, int64_t count) {
    return make_bars(folder_, name, count, 1, /*labels=*/false).string();
  }
  /// All images of a set.
  static torch::Tensor images_of(const std::string& file) {
    const Dataset set(file);
    return set.images(evenly_spaced(set.info().count, set.info().count));
  }
  static torch::Tensor translated(const NetworkSet& model, const std::string& direction, const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    const torch::Tensor floats = images.scalar_type() == torch::kByte ? to_unit_range(images) : images;
    return translator_of(model, direction, "m").there->sample({{}, {}, floats});
  }
};

// Every figure of a finished run, taken by hand.
TEST_F(CycleGanMeasuresTest, BothDirectionsAreMeasured) {
  recipe_.run.features = put_classifier("fd_bars");
  recipe_.run.styles = recipe_.run.features;
  recipe_.run.test = put_set("test-a", 12);
  recipe_.run.test_b = put_set("test-b", 12);
  recipe_.partners = true;
  ASSERT_EQ(start("run"), 0);
  const auto summary = nlohmann::json::parse(read_file(folder_ / "run/summary.json"));
  const nlohmann::json& model = summary["model"];
  const nlohmann::json& found = model["translations"];
  const NetworkSet networks = load_model(folder_ / "run/model.safetensors");
  const auto features = load_feature_network(recipe_.run.features);
  const std::vector<std::string> tests{recipe_.run.test, recipe_.run.test_b},
      sets{recipe_.run.data, recipe_.run.data_b};
  double sum = 0;
  for (size_t from = 0; from < 2; ++from) {
    const std::string there = from == 0 ? "a_to_b" : "b_to_a", back = from == 0 ? "b_to_a" : "a_to_b",
                      domain = from == 0 ? "a" : "b";
    const torch::Tensor images = images_of(tests[from]), partners = images_of(tests[1 - from]);
    const torch::Tensor made = translated(networks, there, images), bytes = to_bytes(made),
                        returned = to_bytes(translated(networks, back, made));
    StatisticsAccumulator statistics;
    statistics.add(features->features(bytes));
    const double distance =
        frechet_distance(statistics.finish(), dataset_statistics(Dataset(sets[1 - from]), *features, 64, torch::kCPU));
    EXPECT_NEAR(found["fd_" + there].get<double>(), distance, 0.01 * distance + 1e-6);
    sum += distance;
    EXPECT_NEAR(found["cycle_psnr_" + domain].get<double>(),
                peak_signal_to_noise(returned, images).mean().item<double>(), 0.02);
    EXPECT_NEAR(found["cycle_l1_" + domain].get<double>(),
                (to_unit_range(returned) - to_unit_range(images)).abs().mean().item<double>(), 1e-3);
    EXPECT_NEAR(found["paired_psnr_" + there].get<double>(),
                peak_signal_to_noise(bytes, partners).mean().item<double>(), 0.02);
    EXPECT_NEAR(found["paired_ssim_" + there].get<double>(),
                structural_similarity(bytes, partners).mean().item<double>(), 1e-3);
    const torch::Tensor of_domain = features->activations(bytes).logits.argmax(1).eq(static_cast<int64_t>(1 - from));
    EXPECT_NEAR(found["style_accuracy_" + there].get<double>(), of_domain.to(torch::kDouble).mean().item<double>(),
                1e-9);
    EXPECT_LE(found["partner_top1_" + there].get<double>(), found["partner_top5_" + there].get<double>());
    EXPECT_TRUE(found.contains("kid_mean_" + there));
    EXPECT_TRUE(found.contains("precision_" + there));
  }
  EXPECT_NEAR(model["fd"].get<double>(), sum / 2, 0.01 * sum + 1e-6);
  EXPECT_EQ(model["fd"], summary["result"]["fd"]);
  EXPECT_FALSE(model.contains("precision"));

  const RunLog log = read_run_log(folder_ / "run/log.jsonl");
  for (const char* name : {"fd_a_to_b", "fd_b_to_a", "cycle_psnr_a", "cycle_l1_b", "paired_ssim_b_to_a",
                           "partner_top5_a_to_b", "style_accuracy_b_to_a"}) {
    ASSERT_EQ(log.measures.count(name), 1u) << name;
    EXPECT_EQ(log.measures.at(name).size(), log.distance.size()) << name;
  }
  for (size_t i = 0; i < log.distance.size(); ++i) {
    EXPECT_NEAR(log.distance[i].value,
                (log.measures.at("fd_a_to_b")[i].value + log.measures.at("fd_b_to_a")[i].value) / 2, 1e-9);
  }
  const std::string report = read_file(folder_ / "run/report.html");
  for (const char* words : {"<h2>Translations</h2>", "PSNR with the partner, dB: a to b", "identity of b"}) {
    EXPECT_NE(report.find(words), std::string::npos) << words;
  }
}

// Without features, partners and sets of their own: what comes back of the training images.
TEST_F(CycleGanMeasuresTest, WhatCannotBeMeasuredIsLeftOut) {
  ASSERT_EQ(start("run"), 0);
  const auto summary = nlohmann::json::parse(read_file(folder_ / "run/summary.json"));
  std::vector<std::string> names;
  for (const auto& [name, value] : summary["model"]["translations"].items()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"cycle_l1_a", "cycle_l1_b", "cycle_psnr_a", "cycle_psnr_b"}));
  EXPECT_FALSE(summary["model"].contains("fd"));
}

TEST_F(CycleGanMeasuresTest, ATeacherOfOneDirectionHasNoMeanDistance) {
  recipe_.run.features = put_classifier("fd_bars");
  teach({"generator_b_to_a", "discriminator_a"});
  recipe_.init = recipe_.discriminator_init = "random";
  ASSERT_EQ(start("half"), 0);
  const auto summary = nlohmann::json::parse(read_file(folder_ / "half/summary.json"));
  EXPECT_FALSE(summary["teacher"].contains("fd"));
  const nlohmann::json& found = summary["teacher"]["translations"];
  EXPECT_TRUE(found.contains("fd_a_to_b"));
  EXPECT_FALSE(found.contains("fd_b_to_a"));
  EXPECT_FALSE(found.contains("cycle_psnr_a"));
  EXPECT_TRUE(summary["student"].contains("fd"));
}

TEST_F(CycleGanMeasuresTest, RefusesSetsThatDoNotFit) {
  const Recipe good = recipe_;
  const auto refused = [&](const std::vector<std::string>& words) {
    expect_error([&] { start("run"); }, words);
    EXPECT_FALSE(fs::exists(folder_ / "run"));
    recipe_ = good;
  };
  recipe_.partners = true;
  refused({"evaluation.partners", "evaluation.test", "test_b"});
  recipe_.partners = true;
  recipe_.run.test = put_set("twelve", 12);
  recipe_.run.test_b = put_set("ten", 10);
  refused({"evaluation.partners", "twelve has 12 images", "ten has 10"});
  recipe_.run.test_b = make_bars(folder_, "rgb", 5, 3, /*labels=*/false).string();
  refused({"rgb", "evaluation.test_b", "3 x 16 x 16", "1 x 16 x 16"});
  recipe_.run.styles = put_classifier("fd_three", 3);
  refused({"fd_three", "evaluation.styles", "3 labels", "one for each domain: a, b"});
}

// Four rows of each direction: images, translations, what comes back, and the identity.
TEST_F(CycleGanMeasuresTest, GridsShowOriginalsBesideTranslations) {
  ASSERT_EQ(start("run"), 0);
  const NetworkSet model = load_model(folder_ / "run/model.safetensors");
  const auto translators = translators_of(model, "m");
  ASSERT_EQ(translators.size(), 2u);
  const torch::Tensor images = images_of(recipe_.run.data_b).slice(0, 0, 3);
  const torch::Tensor rows = translation_rows(translators[1], images, torch::kCPU);
  const torch::Tensor made = translated(model, "b_to_a", images);
  const torch::Tensor expected = at::cat({images, to_bytes(made), to_bytes(translated(model, "a_to_b", made)),
                                          to_bytes(translated(model, "a_to_b", images))});
  ASSERT_EQ(rows.sizes(), expected.sizes());
  EXPECT_LE((rows.to(torch::kInt) - expected.to(torch::kInt)).abs().max().item<int64_t>(), 1);
  EXPECT_EQ(translation_row_names(translators[1], family_of(model, "m")),
            (std::vector<std::string>{"b", "b to a", "back to b", "identity of b"}));
  const Translator alone{translators[0].direction, translators[0].there, nullptr};
  EXPECT_EQ(translation_rows(alone, images, torch::kCPU).size(0), 6);
  EXPECT_EQ(translation_row_names(alone, family_of(model, "m")), (std::vector<std::string>{"a", "a to b"}));

  const auto summary = nlohmann::json::parse(read_file(folder_ / "run/summary.json"));
  EXPECT_EQ(summary["grid_rows"], (std::vector<std::string>{"a", "a to b", "back to a", "identity of a", "b", "b to a",
                                                            "back to b", "identity of b"}));
  // The first picture of the fifth row is the first of domain b.
  const std::string png = read_file(folder_ / "run/samples/final.png");
  const SourceImage grid = decode_image({reinterpret_cast<const uint8_t*>(png.data()), png.size(), "final.png"});
  ASSERT_EQ(grid.width, 8 * 16);
  ASSERT_EQ(grid.height, 8 * 16);
  const torch::Tensor first = images_of(recipe_.run.data_b)[0][0];
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 16; ++x) {
      const auto at = static_cast<size_t>(((4 * 16 + y) * grid.width + x) * grid.channels);
      ASSERT_EQ(grid.pixels[at], first[y][x].item<uint8_t>()) << x << " " << y;
    }
  }
}

}  // namespace
}  // namespace dgl::test
