#include <nlohmann/json.hpp>
#include <thread>

#include "cli/program_test_case.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"

namespace dgl::test {
namespace {

const std::string kGolden = DGL_SOURCE_DIR "/tests/golden/biggan/";

/// Two kinds of squares, and a recipe of a small BigGAN.
class BigGanProgram : public ProgramTest {
 protected:
  BigGanProgram() {
    put_squares(folder_, 40);
    folder_.put("r.toml",
                "family = 'biggan'\n[network]\nresolution = 32\nimg_channels = 1\nchannels = 2\nz_dim = 8\n"
                "shared_dim = 4\n[training]\nbatch = 8\naccumulations = 2\nd_steps = 2\nkimg = 0.064\n"
                "checkpoint_kimg = 0.032\nbeta2 = 0.999\northogonal = 1e-4\nema_start_kimg = 0.03\n"
                "[guidance]\nstage1_kimg = 0.064\nstage2_kimg = 0.064\n");
    expect_done({"prepare", "squares", "--size", "32", "--out", "d.dgldata"});
  }
  nlohmann::json json_of(const std::string& name) { return nlohmann::json::parse(read_file(folder_ / name)); }
};

TEST_F(BigGanProgram, TeacherStudentsAndAKilledRun) {
  expect_done({"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "teacher"});
  const Words compress{"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--width",
                       "1/2",      "--out"};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_done(with(compress, {"half"}));
  const auto summary = json_of("half/summary.json");
  EXPECT_LT(summary["student"]["generator"]["params"].get<int64_t>(),
            summary["teacher"]["generator"]["params"].get<int64_t>());
  // The student's discriminator keeps its width, unless the recipe says otherwise.
  EXPECT_EQ(summary["student"]["discriminator"]["params"], summary["teacher"]["discriminator"]["params"]);
  EXPECT_NE(read_file(folder_ / "half/log.jsonl").find("g_guidance"), std::string::npos);
  EXPECT_NE(read_file(folder_ / "half/log.jsonl").find("g_orthogonal"), std::string::npos);
  EXPECT_NE(read_file(folder_ / "half/log.jsonl").find("g_distill"), std::string::npos);

  Words words = with(compress, {"killed"});
  for (int i = 0; i < 2; ++i) {
    const pid_t child = dgl_.start(words);
    const auto ticks = [&] {
      const std::string log = fs::exists(folder_ / "killed/log.jsonl") ? read_file(folder_ / "killed/log.jsonl") : "";
      return std::count(log.begin(), log.end(), '\n');
    };
    for (int k = 0; k < 30000 && ticks() < 1 + 2 * i; ++k) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ::kill(child, SIGKILL);
    dgl_.wait(child);
    words = {"resume", "killed"};
  }
  expect_done(words);
  EXPECT_EQ(read_file(folder_ / "killed/model.safetensors"), read_file(folder_ / "half/model.safetensors"));

  expect_done(with(compress, {"narrow", "--set", "student.discriminator_width=1/2", "--lambda", "0"}));
  EXPECT_LT(json_of("narrow/summary.json")["student"]["discriminator"]["params"].get<int64_t>(),
            summary["teacher"]["discriminator"]["params"].get<int64_t>());

  // From random weights, as a student without its teacher's.
  const Words random{"--set", "student.init=random", "--set", "guidance.stage1=alone"};
  expect_done(with(with(compress, {"alone"}), random));
  expect_done(with(with(compress, {"bf16", "--precision", "bf16"}), random));
  const auto losses = [&](const std::string& run) {
    const std::string log = read_file(folder_ / run / "log.jsonl");
    return nlohmann::json::parse(log.substr(0, log.find('\n')))["loss"];
  };
  for (const char* name : {"d_main", "g_main"}) {
    const double expected = losses("alone")[name].get<double>();
    EXPECT_NEAR(losses("bf16")[name].get<double>(), expected, 0.1 * std::abs(expected)) << name;
  }

  const Words sample{"sample", "--model", "half/model.safetensors", "--label", "1", "-n", "3", "--out"};
  expect_done(with(sample, {"s.safetensors"}));
  expect_done(with(sample, {"h.safetensors", "--precision", "bf16"}));
  const auto images = load_safetensors(folder_ / "s.safetensors").at("images", "s"),
             rounded = load_safetensors(folder_ / "h.safetensors").at("images", "h");
  EXPECT_FALSE(rounded.equal(images));
  EXPECT_LT((rounded - images).norm().item<double>(), 0.05 * images.norm().item<double>());
  expect_done(
      {"score", "--model", "half/model.safetensors", "--images", "s.safetensors", "--out", "scores.safetensors"});
  EXPECT_EQ(load_safetensors(folder_ / "scores.safetensors").at("scores", "s").sizes(), std::vector<int64_t>{3});
  const auto bench = nlohmann::json::parse(
      expect_done({"bench", "--recipe", "r.toml", "--set", "network.classes=2", "--guided", "--json"}).out);
  EXPECT_NEAR(bench["step"].get<double>(), 2 * bench["d_main"].get<double>() + bench["g_main"].get<double>(), 1e-9);
}

TEST_F(BigGanProgram, ATeacherJudgesStudentsOfTheOtherFamily) {
  expect_done({"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "teacher"});
  folder_.put("s.toml",
              "[network]\nresolution = 32\nimg_channels = 1\nchannel_base = 128\nchannel_max = 8\nz_dim = 8\n"
              "w_dim = 8\nconditional = true\nlabel_layers = 1\n[training]\nbatch = 8\n"
              "[guidance]\nstage1_kimg = 0.008\nstage2_kimg = 0.016\n");
  expect_done({"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--recipe", "s.toml",
               "--out", "s"});
  EXPECT_NE(read_file(folder_ / "s/log.jsonl").find("g_guidance"), std::string::npos);
}

TEST_F(BigGanProgram, ImportsFilesOfTheReferenceThatTeach) {
  expect_done({"import", kGolden + "biggan32/G.pth", kGolden + "biggan32/D.pth", "--out", "m.safetensors"});
  const TensorFile golden = load_safetensors(kGolden + "biggan32/outputs.safetensors");
  save_safetensors(folder_ / "z.safetensors", {{{"z", golden.at("z", "")}, {"labels", golden.at("labels", "")}}, {}});
  expect_done({"sample", "--model", "m.safetensors", "--latents", "z.safetensors", "--out", "images.safetensors"});
  const torch::Tensor images = load_safetensors(folder_ / "images.safetensors").at("images", "");
  EXPECT_LT((images - golden.at("images", "")).abs().max().item<double>(), 2e-4);
  const auto profile =
      nlohmann::json::parse(expect_done({"profile", "--model", "m.safetensors", "--no-latency", "--json"}).out);
  EXPECT_GT(profile["generator"]["macs"].get<int64_t>(), 0);
  expect_refused({"import", kGolden + "biggan32/G.pth", kGolden + "biggan128/D.pth", "--out", "out"},
                 {"G.pth, D.pth", "belong together"});
  expect_refused({"import", kGolden + "biggan32/G.pth", "--from", "stylegan2-pytorch", "--out", "out"},
                 {"biggan-pytorch"});
  expect_refused(
      {"compress", "--teacher", "m.safetensors", "--data", "d.dgldata", "--recipe", "r.toml", "--out", "out"},
      {"m.safetensors", "3 x 32 x 32"});
}

TEST_F(BigGanProgram, RecipesThatCannotBe) {
  const auto refused = [&](const std::string& set, const Words& says) {
    expect_refused({"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "out", "--set", set}, says);
  };
  refused("training.accumulations=3", {"training.accumulations = 3", "training.batch = 8"});
  refused("family=stylegan2", {"network.channels is not a key of a recipe of stylegan2", "channel_base"});
  refused("network.attention=64", {"network.attention = 64"});
  refused("network.shared_dim=0", {"network.shared_dim"});
  refused("network.z_dim=3", {"network.z_dim = 3"});
  refused("network.init=zeros", {"network.init"});
  expect_refused({"profile", "--recipe", "r.toml", "--set", "network.classes=2", "--set", "network.resolution=16"},
                 {"network.resolution = 16", "32, 64, 128 and 256"});
  folder_.put("plain/train-images-idx3-ubyte", read_file(folder_ / "squares/train-images-idx3-ubyte"));
  expect_done({"prepare", "plain", "--size", "32", "--out", "plain.dgldata"});
  expect_refused({"train", "--recipe", "r.toml", "--data", "plain.dgldata", "--out", "out"},
                 {"plain.dgldata", "no labels"});
}

}  // namespace
}  // namespace dgl::test
