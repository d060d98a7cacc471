#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "dgl/base/torch.h"
#include "dgl/formats/image_file.h"
#include "dgl/formats/safetensors.h"
#include "make_files.h"

namespace dgl::test {
namespace {

using Words = std::vector<std::string>;
using torch::Tensor;

class Metrics : public ::testing::Test {
 protected:
  Metrics() : dgl_(folder_), golden_(load_safetensors(kGolden)) {
    put("real", "features", golden("real"));
    save_safetensors(folder_ / "fake", {{{"features", golden("fake")}, {"logits", golden("logits")}}, {}});
  }
  const Tensor& golden(const std::string& name) const { return golden_.at("full." + name, kGolden); }
  void put(const std::string& file, const std::string& name, const Tensor& tensor) const {
    save_safetensors(folder_ / file, {{{name, tensor}}, {}});
  }
  Outcome run(const std::string& real, const std::string& fake, const Words& more = {}) const {
    Words words{"metrics", "--real", real, "--fake", fake, "--kid-subsets", "20", "--kid-subset-size", "100"};
    words.insert(words.end(), more.begin(), more.end());
    return dgl_(words);
  }
  void expect_refusal(const Outcome& outcome, const Words& says) const {
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.err.rfind("dgl: error: ", 0), 0u) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    for (const auto& word : says)
      EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err << "lacks " << word;
  }

  static constexpr const char* kGolden = DGL_SOURCE_DIR "/tests/golden/metrics.safetensors";
  TemporaryFolder folder_;
  Program dgl_;
  TensorFile golden_;
};

TEST_F(Metrics, GivesTorchFidelitysNumbersAsJson) {
  const Outcome outcome = run("real", "fake", {"--is-splits", "10", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  const char* const keys[] = {"fid", "kid_mean", "kid_std", "precision", "recall", "is_mean", "is_std"};
  EXPECT_EQ(json.size(), 11u);  // and density, coverage, mmd, authentic
  for (int64_t i = 0; i < 7; ++i) {
    const double expected = golden("expected")[i].item<double>();
    EXPECT_NEAR(json[keys[i]].get<double>(), expected, 1e-5 * std::abs(expected)) << keys[i];
  }
}

TEST_F(Metrics, WithoutLogitsThereIsNoInceptionScore) {
  put("bare", "features", golden("fake"));
  const auto json = nlohmann::json::parse(run("real", "bare", {"--json"}).out);
  EXPECT_EQ(json.size(), 9u);
  EXPECT_FALSE(json.contains("is_mean"));
  const Outcome words = run("real", "bare");
  EXPECT_NE(words.out.find("fid 20.568"), std::string::npos) << words.out;
  EXPECT_EQ(words.out.find("is "), std::string::npos) << words.out;
}

// Without a wish, what too few rows do not allow is left out, and said.
TEST_F(Metrics, WhatTheFilesDoNotAllowIsLeftOut) {
  put("few", "features", golden("fake").slice(0, 0, 3));
  const Outcome outcome = run("real", "few", {"--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out).size(), 3u);  // fid, mmd, authentic
  for (const char* words :
       {"kid: left out: 3 images (--kid-subset-size), expected at least 100",
        "pr: left out: 3 images, expected at least 4", "dc: left out: 3 images, expected at least 6",
        "is: left out: 0 images with class scores (--is-splits), expected at least 10"}) {
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }
  // Equal sets have no distance, whatever rounding says.
  EXPECT_EQ(nlohmann::json::parse(run("real", "real", {"--metrics", "fid", "--json"}).out)["fid"], 0);
}

// Folders of images, of any program, with no model: at once, or by way of files of features.
TEST_F(Metrics, ComparesFoldersOfImages) {
  torch::manual_seed(5);
  const auto draw = [&](const std::string& name, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const Tensor image = torch::randint(256, {32 * 32}).to(torch::kUInt8);
      const std::string pixels(static_cast<const char*>(image.data_ptr()), 32 * 32);
      folder_.put(fmt::format("{}/{}.png", name, i), make_png(32, 32, 8, /*type=*/0, pixels));
    }
  };
  draw("one", 12);
  draw("two", 9);
  const std::string network = DGL_SOURCE_DIR "/assets/mnist32-features.safetensors";
  const auto eval = [&](const std::string& data, const std::string& images) {
    const Outcome outcome =
        dgl_({"eval", "--images", images, "--data", data, "--features", network, "--metrics", "fid,pr", "--json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  };
  const auto found = eval("one", "two");
  EXPECT_EQ(found["samples"], 9);
  EXPECT_EQ(found["real"], 12);
  EXPECT_EQ(found["images"], "two");
  EXPECT_GT(found["fd_mnist"].get<double>(), 0);
  EXPECT_EQ(eval("one", "one")["fd_mnist"], 0);
  ASSERT_EQ(dgl_({"prepare", "one", "--out", "one.dgldata"}).status, 0);
  EXPECT_EQ(eval("one.dgldata", "two")["fd_mnist"], found["fd_mnist"]);

  // Without a wish, all that the images and the network allow.
  const Outcome all =
      dgl_({"eval", "--images", "two", "--data", "one", "--features", network, "--nearest", "nearest.png", "--json"});
  const auto possible = nlohmann::json::parse(all.out);
  EXPECT_EQ(possible["fd_mnist"], found["fd_mnist"]);
  EXPECT_EQ(possible["fd_mnist_precision"], found["fd_mnist_precision"]);
  for (const char* key : {"density", "coverage", "mmd", "authentic"}) {
    EXPECT_TRUE(possible.contains(std::string("fd_mnist_") + key)) << key;
  }
  EXPECT_FALSE(possible.contains("fd_mnist_kid_mean"));
  const std::string nearest = read_file(folder_.path() / "nearest.png");
  const SourceImage rows = decode_image({reinterpret_cast<const uint8_t*>(nearest.data()), nearest.size(), "n"}, true);
  EXPECT_EQ(rows.width, 9 * 32);
  EXPECT_EQ(rows.height, 9 * 32);
  EXPECT_NE(all.err.find("kid: left out: 9 images"), std::string::npos) << all.err;
  const Outcome little = dgl_({"eval", "--images", "two", "--data", "one", "--features", network, "--memory", "1e-6"});
  EXPECT_NE(little.err.find("left out: they hold features"), std::string::npos) << little.err;
  EXPECT_EQ(little.out.find("precision"), std::string::npos) << little.out;

  for (const char* set : {"one", "two"}) {
    const Outcome outcome =
        dgl_({"features", "--images", set, "--features", network, "--out", std::string("f.") + set});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  const auto of_files = nlohmann::json::parse(run("f.one", "f.two", {"--metrics", "fid,pr", "--json"}).out);
  EXPECT_NEAR(of_files["fid"].get<double>(), found["fd_mnist"].get<double>(), 1e-6 * of_files["fid"].get<double>());
  EXPECT_EQ(of_files["recall"], found["fd_mnist_recall"]);

  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("dgl-images")) << entry.path();
  }
  expect_refusal(run("one", "f.two"), {"one", "dgl eval --images"});
  expect_refusal(run("f.one", "one.dgldata"), {"one.dgldata", "dgl eval --images"});
  EXPECT_EQ(dgl_({"eval", "--data", "one", "--features", network}).status, 2);
  EXPECT_EQ(dgl_({"eval", "--images", "two", "--model", "m", "--data", "one", "--features", network}).status, 2);
  expect_refusal(dgl_({"eval", "--images", "none", "--data", "one", "--features", network}), {"none"});
  expect_refusal(dgl_({"features", "--images", "one", "--features", network, "--out", "f.one"}), {"f.one", "exists"});
}

TEST_F(Metrics, OnlyWhatIsAskedFor) {
  put("pair", "features", golden("fake").slice(0, 0, 2));
  const auto json = nlohmann::json::parse(run("real", "pair", {"--metrics", "fid", "--json"}).out);
  EXPECT_EQ(json.size(), 1u);
  EXPECT_GT(json["fid"].get<double>(), 0);
  expect_refusal(run("real", "pair", {"--metrics", "fid,is"}), {"pair", "logits"});
  EXPECT_EQ(run("real", "fake", {"--metrics", "fid,accuracy"}).status, 2);
  EXPECT_EQ(run("real", "fake", {"--metrics", "all"}).status, 2);
}

TEST_F(Metrics, BadInput) {
  put("unnamed", "x", golden("fake"));
  put("narrow", "features", golden("fake").slice(1, 0, 63));
  put("short", "features", golden("fake").slice(0, 0, 99));
  put("tiny", "features", golden("fake").slice(0, 0, 3));
  put("whole", "features", golden("fake").to(torch::kInt));
  put("flat", "features", golden("fake").flatten());
  Tensor broken = golden("fake").clone();
  broken[7][9] = NAN;
  put("broken", "features", broken);
  folder_.put("text", "no tensors");
  expect_refusal(run("real", "none"), {"none"});
  expect_refusal(run("real", "text"), {"text"});
  expect_refusal(run("real", "unnamed"), {"unnamed", "features"});
  expect_refusal(run("real", "narrow"), {"narrow", "63", "64"});
  expect_refusal(run("real", "short", {"--metrics", "kid"}), {"short", "99 rows", "--kid-subset-size 100"});
  expect_refusal(run("short", "fake", {"--metrics", "fid,kid"}), {"short", "99 rows", "--kid-subset-size 100"});
  expect_refusal(run("real", "tiny", {"--metrics", "pr"}), {"tiny", "3 rows", "at least 4"});
  expect_refusal(run("real", "whole"), {"whole", "features", "Int"});
  expect_refusal(run("real", "flat"), {"flat", "[N, d]"});
  expect_refusal(run("broken", "fake"), {"broken", "features", "not finite"});
  expect_refusal(run("real", "fake", {"--metrics", "is", "--is-splits", "261"}), {"fake", "logits", "260 rows", "261"});
  save_safetensors(folder_ / "scores", {{{"features", golden("fake")}, {"logits", golden("logits") / 0}}, {}});
  expect_refusal(run("real", "scores"), {"scores", "logits", "not finite"});
  EXPECT_EQ(run("real", "fake", {"--kid-subsets", "0"}).status, 2);
  EXPECT_EQ(dgl_({"metrics", "--real", "real"}).status, 2);
}

}  // namespace
}  // namespace dgl::test
