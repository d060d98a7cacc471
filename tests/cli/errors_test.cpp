#include "cli/program.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/ops/kernel_set.h"

namespace dgl::test {
namespace {

using Words = std::vector<std::string>;

/// Every mistake ends in one line that names it, with the right status, and leaves nothing behind.
class Errors : public ::testing::Test {
 protected:
  Errors() : dgl_(folder_) {
    put_squares(folder_, 40);
    folder_.put("r.toml",
                "[network]\nimg_channels = 1\nchannel_base = 64\nchannel_max = 4\nz_dim = 4\nw_dim = 4\n"
                "[training]\nbatch = 4\nkimg = 0.008\n[guidance]\nstage1_kimg = 0.008\nstage2_kimg = 0.008\n");
    expect_status(0, {"prepare", "squares", "--size", "32", "--out", "d.dgldata"}, {});
  }

  Outcome expect_status(int status, const Words& words, const Words& says) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    for (const auto& word : says)
      EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err << "lacks " << word;
    if (status == 1) {
      EXPECT_EQ(outcome.err.rfind("dgl: error: ", 0), 0u) << outcome.err;
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
    return outcome;
  }
  void expect_error(const Words& words, const Words& says) {
    expect_status(1, words, says);
    EXPECT_FALSE(fs::exists(folder_ / "out")) << "something was left behind";
  }
  Words train(const Words& more = {}) const {
    Words words{"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "out"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  TemporaryFolder folder_;
  Program dgl_;
};

TEST_F(Errors, Usage) {
  for (const Words& words : {Words{}, Words{"compres"}, Words{"train"}, Words{"train", "--color", "red"},
                             Words{"sample", "--model", "m", "--out", "o", "-n", "x"}, Words{"profile"}}) {
    EXPECT_EQ(dgl_(words).status, 2);
  }
  EXPECT_EQ(dgl_({"train", "--help"}).status, 0);
}

TEST_F(Errors, Data) {
  folder_.put("empty", "");
  folder_.put("text", "this is no packed set, but it is long enough to hold a header of one");
  expect_error({"train", "--recipe", "r.toml", "--data", "none", "--out", "out"}, {"none"});
  expect_error({"train", "--recipe", "r.toml", "--data", "empty", "--out", "out"}, {"empty"});
  expect_error({"train", "--recipe", "r.toml", "--data", "text", "--out", "out"}, {"text", "packed set"});
  const std::string whole = read_file(folder_ / "d.dgldata");
  folder_.put("cut", whole.substr(0, whole.size() - 1));
  expect_error({"train", "--recipe", "r.toml", "--data", "cut", "--out", "out"}, {"cut"});
  expect_error({"train", "--recipe", "r.toml", "--data", "squares", "--out", "out"}, {"squares", "dgl prepare"});
  expect_error({"prepare", "none", "--out", "out"}, {"none"});
  expect_error({"prepare", "squares", "--size", "33", "--out", "out"}, {"33", "power of two"});
  expect_error({"prepare", "squares", "--out", "out"}, {"--size"});
  expect_status(1, {"prepare", "squares", "--size", "32", "--out", "d.dgldata"}, {"d.dgldata", "--overwrite"});
  EXPECT_EQ(read_file(folder_ / "d.dgldata"), whole);
}

TEST_F(Errors, Recipes) {
  folder_.put("bad.toml", "[training]\nbtach = 3\n");
  expect_error({"train", "--recipe", "bad.toml", "--data", "d.dgldata", "--out", "out"},
               {"bad.toml", "training.btach"});
  expect_error({"train", "--recipe", "none.toml", "--data", "d.dgldata", "--out", "out"}, {"none.toml"});
  expect_error(train({"--set", "training.batch=-1"}), {"training.batch", "-1"});
  expect_error(train({"--set", "training.batch"}), {"KEY=VALUE"});
  expect_error(train({"--set", "network.resolution=64"}), {"d.dgldata", "1 x 32 x 32", "1 x 64 x 64"});
  expect_error(train({"--set", "training.kimg=0"}), {"training.kimg"});
  expect_error(train({"--precision", "fp7"}), {"precision", "fp7"});
  expect_error(train({"--features", "none"}), {"none"});
  expect_error(train({"--device", "tpu"}), {"--device", "tpu"});
}

// What was meant is named: a checkpoint to be imported, a run for its model.
TEST_F(Errors, AnotherKindOfFileThanAModel) {
  const std::string checkpoint = std::string(DGL_SOURCE_DIR) + "/tests/golden/stylegan2/rosinality32-train.pt";
  expect_error({"sample", "--model", checkpoint, "--out", "out"}, {"rosinality32-train.pt", "dgl import"});
  const std::string older = std::string(DGL_SOURCE_DIR) + "/tests/golden/formats/legacy2.pt";
  expect_error({"sample", "--model", older, "--out", "out"}, {"legacy2.pt", "dgl import"});
  expect_error({"sample", "--model", "squares", "--out", "out"}, {"squares", "model.safetensors", "run"});
  expect_status(0, {"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "run"}, {});
  expect_status(0, {"sample", "--model", "run", "-n", "4", "--out", "of-run.png"}, {});
  expect_status(0, {"sample", "--model", "run/model.safetensors", "-n", "4", "--out", "of-file.png"}, {});
  EXPECT_EQ(read_file(folder_ / "of-run.png"), read_file(folder_ / "of-file.png"));
}

TEST_F(Errors, TeachersAndWidths) {
  expect_status(0, {"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "t"}, {});
  const auto compress = [](const Words& more) {
    Words words{"compress", "--data", "d.dgldata", "--recipe", "r.toml", "--out", "out"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_error(compress({"--teacher", "none"}), {"none"});
  expect_error(compress({"--teacher", "r.toml"}), {"r.toml", "safetensors"});
  expect_error(compress({"--teacher", "t/model.safetensors", "--width", "1/8"}), {"1/8", "feature maps"});
  expect_error(compress({"--teacher", "t/model.safetensors", "--width", "5"}), {"width", "5"});
  expect_error(compress({"--teacher", "t/model.safetensors", "--from-stage1", "t"}), {"stage1"});
  expect_error(compress({"--teacher", "t/model.safetensors", "--from-stage1", "t", "--stage2-kimg", "0"}),
               {"0 images", "stage2_kimg"});
  // A start that the teacher cannot give.
  const Words inherit{"--teacher", "t/model.safetensors", "--set", "student.init=teacher", "--set"};
  const auto with = [](Words words, const std::string& last) {
    words.push_back(last);
    return words;
  };
  expect_error(compress(with(inherit, "network.channel_max=64")), {"t/model", "fewer than the student's"});
  expect_error(compress(with(inherit, "network.mapping_layers=5")), {"t/model", "no tensor mapping.fc4"});
  expect_error(compress(with(inherit, "network.mapping_layers=3")), {"t/model", "mapping.fc3", "the student none"});
  expect_error(compress(with(inherit, "student.discriminator_freeze=9")),
               {"student.discriminator_freeze = 9", "3 blocks"});
  expect_error(compress(with(inherit, "student.keep_channels=best")), {"student.keep_channels", "strided", "norm"});
  expect_error(compress(with(inherit, "training.lr_schedule=falling")), {"training.lr_schedule", "falling"});
  const Words other_latents{"--teacher", "t/model.safetensors", "--set", "guidance.pair=1",
                            "--set",     "network.z_dim=5",     "--set"};
  expect_error(compress(with(other_latents, "student.init=auto")), {"t/model", "network.z_dim = 5 where it has"});
  expect_error(compress(with(other_latents, "student.init=random")), {"t/model", "guidance.pair", "latents"});
  expect_error(compress({"--teacher", "t/model.safetensors", "--set", "guidance.align_features=1", "--set",
                         "student.discriminator_width=1/2"}),
               {"guidance.align_features", "student.discriminator_width"});
  // A teacher of 16 x 16 images.
  expect_status(0, {"prepare", "squares", "--size", "16", "--out", "d16.dgldata"}, {});
  expect_status(
      0, {"train", "--recipe", "r.toml", "--data", "d16.dgldata", "--set", "network.resolution=16", "--out", "t16"},
      {});
  expect_error(compress({"--teacher", "t16/model.safetensors"}), {"t16", "1 x 16 x 16", "1 x 32 x 32"});
  expect_error(compress({"--teacher", "t16/model.safetensors", "--set", "guidance.resize=true", "--set",
                         "guidance.train_teacher=true"}),
               {"t16", "1 x 16 x 16", "train_teacher", "1 x 32 x 32"});
  expect_error({"eval", "--model", "t16/model.safetensors", "--data", "d.dgldata", "--features", "none"}, {"none"});
  // Latents and images of the wrong shape.
  save_safetensors(folder_ / "z", {{{"z", torch::zeros({2, 5})}}, {}});
  expect_error({"sample", "--model", "t/model.safetensors", "--latents", "z", "--out", "out.png"}, {"z", "[N, 4]"});
  expect_error({"sample", "--model", "t/model.safetensors", "--label", "3", "--out", "out.png"}, {"--label 3"});
  expect_error({"sample", "--model", "t/model.safetensors", "--out", "out.jpg"}, {"out.jpg", ".png"});
  save_safetensors(folder_ / "x", {{{"images", torch::zeros({2, 1, 8, 8})}}, {}});
  expect_error({"score", "--model", "t/model.safetensors", "--images", "x", "--out", "out"}, {"x", "[N, 1, 32, 32]"});
  expect_status(1, {"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "t"}, {"t", "exists"});
}

TEST_F(Errors, OptionsThatHaveNoEffectOrAreNoNumbers) {
  expect_status(0, {"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "t"}, {});
  save_safetensors(folder_ / "z", {{{"z", torch::zeros({2, 4})}}, {}});
  const Words sample{"sample", "--model", "t/model.safetensors", "--out", "out"};
  const auto usage = [&](Words words, const Words& more, const Words& says) {
    words.insert(words.end(), more.begin(), more.end());
    expect_status(2, words, says);
  };
  usage(sample, {"--latents", "z", "-n", "9"}, {"--latents", "--count"});
  usage(sample, {"--latents", "z", "--seed", "9"}, {"--latents", "--seed"});
  usage(sample, {"--psi", "nan"}, {"--psi", "nan"});
  usage(sample, {"--seed", "-1"}, {"--seed"});
  const Words out{"export", "--model", "t/model.safetensors", "--out"};
  usage(out, {"x.onnx", "--teacher", "t"}, {"--teacher", "page"});
  usage(out, {"x.html", "--to", "onnx"}, {"--to onnx", "x.html"});
  usage(out, {"x.html", "--network", "generator"}, {"--network", "page"});
  usage(out, {"x.safetensors", "--psi", "0.5"}, {"--psi", ".html"});
  usage({"profile", "--model", "t/model.safetensors"}, {"--width", "1/2"}, {"--width", "--recipe"});
  const Words compress{"compress", "--teacher", "t/model.safetensors", "--data", "d.dgldata", "--out", "out"};
  for (const char* option : {"--lambda", "--stage1-kimg", "--stage2-kimg"})
    usage(compress, {option, "nan"}, {option, "nan"});
  usage(compress, {"--stage1-kimg", "1", "--from-stage1", "t"}, {"--stage1-kimg", "no stage 1"});
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  // A folder that holds one of the names already is left as it is.
  folder_.put("out/000002.png", "mine");
  expect_status(1, {"sample", "--model", "t/model.safetensors", "--out", "out", "-n", "4"},
                {"000002.png", "--overwrite"});
  EXPECT_FALSE(fs::exists(folder_ / "out/000000.png"));
}

TEST_F(Errors, Runs) {
  expect_error({"resume", "none"}, {"none", "run directory"});
  expect_error({"report", "squares"}, {"squares"});
  expect_status(0, train(), {});
  // A damaged newest checkpoint: the one before it serves; with none left, it says so.
  fs::remove(folder_ / "out/summary.json");
  std::vector<fs::path> checkpoints;
  for (const auto& entry : fs::directory_iterator(folder_ / "out/checkpoints")) checkpoints.push_back(entry.path());
  for (const auto& path : checkpoints) fs::resize_file(path, fs::file_size(path) / 2);
  const Outcome outcome = dgl_({"resume", "out"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("none of its checkpoints"), std::string::npos) << outcome.err;
}

TEST_F(Errors, KernelsThatThereAreNot) {
  const std::string here = ops::kernel_set();
  if (here == "native" || here == "default") GTEST_SKIP() << "skipped: built for one instruction set";
  const auto with = [&](const std::string& kernels) {
    return dgl_.wait(dgl_.start({"bench", "--help"}, {"DGL_KERNELS=" + kernels}));
  };
  const Outcome unknown = with("avx3");
  EXPECT_EQ(unknown.status, 1);
  EXPECT_EQ(unknown.err.rfind("dgl: error: DGL_KERNELS=avx3: expected one of x86-64-v2", 0), 0u) << unknown.err;
  EXPECT_EQ(with("x86-64-v2").status, 0);
}

TEST_F(Errors, AFullDiskKeepsTheEarlierCheckpoint) {
  expect_status(0, {"prepare", "squares", "--size", "32", "--out", "d2.dgldata"}, {});
  // A file-size limit stands for a disk that has no room for a checkpoint.
  const std::string command =
      "cd '" + folder_.path().string() +
      "' && ulimit -f 8 && trap '' XFSZ && '" DGL_BINARY
      "' train --recipe r.toml --data d.dgldata --out limited --threads 1 2> stderr; echo \\$? > status";
  ASSERT_EQ(std::system(("bash -c \"" + command + "\"").c_str()), 0);
  EXPECT_EQ(read_file(folder_ / "status"), "1\n");
  const std::string words = read_file(folder_ / "stderr");
  EXPECT_NE(words.find("cannot be written"), std::string::npos) << words;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "limited")) {
    EXPECT_EQ(entry.path().filename().string().find(".partial-"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace dgl::test
