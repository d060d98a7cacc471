#include <nlohmann/json.hpp>

#include "cli/program_test_case.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"

namespace dgl::test {
namespace {

/// Two kinds of squares, and a recipe of small networks that take their labels.
class ConditionalProgram : public ProgramTest {
 protected:
  ConditionalProgram() {
    put_squares(folder_, 40);
    folder_.put("r.toml",
                "[network]\nresolution = 32\nimg_channels = 1\nchannel_base = 128\nchannel_max = 8\nz_dim = 8\n"
                "w_dim = 8\nconditional = true\nlabel_layers = 2\n[training]\nbatch = 8\nkimg = 0.032\n"
                "[guidance]\nstage1_kimg = 0.032\nstage2_kimg = 0.032\n");
    folder_.put("f.toml",
                "family = 'classifier'\n[network]\nresolution = 32\nimg_channels = 1\nfeatures = 4\n"
                "distance = 'fd_squares'\n[training]\nbatch = 8\nepochs = 1\n");
    expect_done({"prepare", "squares", "--size", "32", "--out", "d.dgldata"});
  }
  static Words train(const std::string& out, const Words& more = {}) {
    Words words{"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Words compress(const std::string& out, const Words& more = {}) {
    Words words{"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(ConditionalProgram, FromATeacherToAMeasuredStudent) {
  expect_done({"train", "--recipe", "f.toml", "--data", "d.dgldata", "--out", "f"});
  const std::string features = "f/model.safetensors", student = "half/model.safetensors";
  expect_done(train("teacher", {"--features", features}));
  // The teacher's recipe says that it takes labels, and now how many.
  expect_done(compress("half", {"--width", "1/2", "--features", features}));
  const auto summary = nlohmann::json::parse(read_file(folder_ / "half/summary.json"));
  EXPECT_EQ(summary["grid_rows"], (Words{"0", "1"}));
  EXPECT_NE(read_file(folder_ / "half/log.jsonl").find("g_guidance"), std::string::npos);
  EXPECT_NE(read_file(folder_ / "half/recipe.toml").find("classes = 2"), std::string::npos);
  EXPECT_NE(read_file(folder_ / "half/report.html").find("The rows, from the top: 0, 1."), std::string::npos);
  expect_done(
      {"boost", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--out", "boosted", "--from-teacher"});

  expect_done({"sample", "--model", student, "--label", "1", "-n", "3", "--out", "one.safetensors"});
  const TensorFile one = load_safetensors(folder_ / "one.safetensors");
  EXPECT_TRUE(one.at("labels", "one").equal(torch::tensor({1, 1, 1})));
  expect_done({"sample", "--model", student, "--each-label", "-n", "3", "--out", "all.safetensors"});
  const TensorFile all = load_safetensors(folder_ / "all.safetensors");
  EXPECT_TRUE(all.at("labels", "all").equal(torch::tensor({0, 0, 0, 1, 1, 1})));
  EXPECT_EQ(all.at("images", "all").size(0), 6);
  expect_done({"sample", "--model", student, "--each-label", "-n", "3", "--out", "rows.png"});
  const std::string png = read_file(folder_ / "rows.png");
  EXPECT_EQ(png.substr(18, 2) + png.substr(22, 2), std::string("\0\x60\0\x40", 4));  // 96 x 64
  expect_done({"score", "--model", student, "--images", "all.safetensors", "--out", "s.safetensors"});

  const Words eval{"eval",      "--model", student,     "--data",          "d.dgldata",   "--features", features,
                   "--samples", "40",      "--metrics", "fid,is,accuracy", "--is-splits", "2",          "--each-label"};
  Words json = eval;
  json.push_back("--json");
  const auto numbers = nlohmann::json::parse(expect_done(json).out);
  ASSERT_EQ(numbers["labels"].size(), 2u);
  EXPECT_EQ(numbers["labels"][0]["generated"].get<int>() + numbers["labels"][1]["generated"].get<int>(), 40);
  EXPECT_GE(numbers["labels"][1]["fd_squares_is"].get<double>(), 1);
  EXPECT_GE(numbers["fd_squares_accuracy"].get<double>(), 0);
  const std::string words = expect_done(eval).out;
  EXPECT_NE(words.find("label  fd_squares  fd_squares_accuracy"), std::string::npos) << words;
}

TEST_F(ConditionalProgram, LabelsThatDoNotFitAreErrors) {
  expect_done(train("teacher"));
  expect_refused({"sample", "--model", "teacher/model.safetensors", "--label", "2", "--out", "out"},
                 {"--label 2", "2 labels"});
  // A set without labels: the images alone.
  folder_.put("plain/train-images-idx3-ubyte", read_file(folder_ / "squares/train-images-idx3-ubyte"));
  expect_done({"prepare", "plain", "--size", "32", "--out", "plain.dgldata"});
  expect_refused({"train", "--recipe", "r.toml", "--data", "plain.dgldata", "--out", "out"},
                 {"plain.dgldata", "no labels"});
  expect_refused(train("out", {"--set", "network.classes=3"}), {"d.dgldata", "2 labels", "network.classes = 3"});
  // A set of three labels, the middle one without an image.
  std::string labels = read_file(folder_ / "squares/train-labels-idx1-ubyte");
  for (size_t i = 8; i < labels.size(); ++i) labels[i] = static_cast<char>(2 * labels[i]);
  folder_.put("gap/train-images-idx3-ubyte", read_file(folder_ / "squares/train-images-idx3-ubyte"));
  folder_.put("gap/train-labels-idx1-ubyte", labels);
  expect_done({"prepare", "gap", "--size", "32", "--out", "gap.dgldata"});
  expect_refused({"train", "--recipe", "r.toml", "--data", "gap.dgldata", "--out", "out"},
                 {"gap.dgldata", "label 1 (1) has no images"});
  labels[8] = 1;
  folder_.put("gap/train-labels-idx1-ubyte", labels);
  expect_done({"prepare", "gap", "--size", "32", "--out", "three.dgldata"});
  expect_refused({"compress", "--teacher", "teacher/model.safetensors", "--data", "three.dgldata", "--recipe", "r.toml",
                  "--out", "out"},
                 {"teacher", "2 labels", "the student 3"});
  expect_refused(compress("out", {"--set", "network.conditional=false"}),
                 {"teacher", "2 labels", "network.conditional"});
  expect_refused({"eval", "--model", "teacher/model.safetensors", "--data", "three.dgldata", "--features", "none"},
                 {"none"});
  expect_refused({"profile", "--recipe", "r.toml"}, {"r.toml", "network.classes = 0"});
  expect_refused({"bench", "--recipe", "r.toml"}, {"r.toml", "network.classes = 0"});
  expect_done({"profile", "--recipe", "r.toml", "--set", "network.classes=2", "--json"});
}

}  // namespace
}  // namespace dgl::test
