#include <nlohmann/json.hpp>

#include "cli/program_test_case.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/formats/image_file.h"
#include "dgl/formats/safetensors.h"
#include "make_files.h"

namespace dgl::test {
namespace {

const fs::path kCycleGanGolden = fs::path(DGL_SOURCE_DIR) / "tests/golden/cyclegan";

class CycleGanProgram : public ProgramTest {
 protected:
  /// Imports networks of the reference as m.safetensors.
  void import(const Words& files) {
    Words words{"import"};
    for (const auto& file : files) words.push_back((kCycleGanGolden / file).string());
    for (const char* word : {"--resolution", "16", "--out", "m.safetensors", "--overwrite"}) words.emplace_back(word);
    expect_done(words);
  }
};

// The teacher that comes with the program takes gray images, whose bytes are in the order of a tensor's already.
TEST_F(CycleGanProgram, TranslatesGrayImagesOfAFolder) {
  const std::string model = DGL_SOURCE_DIR "/assets/digits32-outlines-teacher.safetensors";
  torch::manual_seed(3);
  const torch::Tensor images = torch::randint(256, {3, 1, 32, 32}).to(torch::kUInt8);
  for (int64_t i = 0; i < 3; ++i) {
    const std::string pixels(static_cast<const char*>(images[i].data_ptr()), 32 * 32);
    folder_.put(fmt::format("gray/{}.png", i), make_png(32, 32, 8, /*type=*/0, pixels));
  }
  const auto decoded = [&](const std::string& file) {
    const std::string png = read_file(folder_ / file);
    const SourceImage image = decode_image({reinterpret_cast<const uint8_t*>(png.data()), png.size(), file});
    EXPECT_EQ(image.channels, 1);
    return torch::tensor(at::ArrayRef<uint8_t>(image.pixels), torch::kUInt8).view({image.height, image.width});
  };
  expect_done({"translate", "--model", model, "--images", "gray", "--out", "grid.png"});
  const torch::Tensor grid = decoded("grid.png");
  ASSERT_EQ(grid.size(1), 3 * 32);
  save_safetensors(folder_ / "x.safetensors", {{{"images", to_unit_range(images)}}, {}});
  expect_done({"translate", "--model", model, "--images", "x.safetensors", "--out", "y.safetensors"});
  const torch::Tensor made = to_bytes(load_safetensors(folder_ / "y.safetensors").at("images", "y"));
  expect_done({"translate", "--model", model, "--images", "gray", "--out", "made"});
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(grid.slice(0, 0, 32).slice(1, 32 * i, 32 * (i + 1)).equal(images[i][0])) << i;
    const torch::Tensor off = decoded(fmt::format("made/{}.png", i)).to(torch::kInt) - made[i][0].to(torch::kInt);
    EXPECT_LE(off.abs().max().item<int>(), 1) << i;
  }
}

TEST_F(CycleGanProgram, TranslatesBothWays) {
  import({"latest_net_G_A.pth", "latest_net_G_B.pth", "latest_net_D_A.pth", "latest_net_D_B.pth"});
  const TensorFile golden = load_safetensors(kCycleGanGolden / "step.safetensors");
  save_safetensors(folder_ / "a.safetensors", {{{"images", golden.at("a", "g")}}, {}});
  save_safetensors(folder_ / "wide.safetensors", {{{"images", golden.at("wide", "g")}}, {}});
  const auto made = [&](const Words& more) {
    Words words{"--model", "m.safetensors", "--out", "y.safetensors", "--overwrite"};
    words.insert(words.begin(), more.begin(), more.end());
    expect_done(words);
    return load_safetensors(folder_ / "y.safetensors");
  };
  const auto near = [](const torch::Tensor& a, const torch::Tensor& b) {
    return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() < 1e-4;
  };
  const auto to_b = made({"translate", "--images", "a.safetensors"}).at("images", "y");
  EXPECT_TRUE(near(to_b, golden.at("a_to_b", "g")));
  EXPECT_TRUE(to_b.equal(made({"translate", "--images", "a.safetensors", "--direction", "a_to_b"}).at("images", "y")));
  EXPECT_TRUE(
      near(made({"translate", "--images", "wide.safetensors"}).at("images", "y"), golden.at("wide_a_to_b", "g")));
  save_safetensors(folder_ / "b.safetensors", {{{"images", golden.at("b", "g")}}, {}});
  EXPECT_TRUE(near(made({"translate", "--images", "b.safetensors", "--direction", "b_to_a"}).at("images", "y"),
                   golden.at("b_to_a", "g")));
  EXPECT_TRUE(near(made({"apply", "--network", "b_to_a", "--inputs", "b.safetensors"}).at("images", "y"),
                   golden.at("b_to_a", "g")));
  EXPECT_TRUE(near(made({"apply", "--network", "discriminator_b", "--inputs", "b.safetensors"}).at("scores", "y"),
                   golden.at("scores_b", "g")));

  // A folder keeps its names and sizes.
  fs::create_directories(folder_ / "in/deep");
  std::string pixels(24 * 16, '\x40');
  folder_.put("in/deep/x.png", make_png(24, 16, 8, 0, pixels));
  EXPECT_NE(
      expect_done({"translate", "--model", "m.safetensors", "--images", "in", "--out", "made"}).out.find("1 images"),
      std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "made/deep/x.png"));

  // A grid of the images beside what becomes of them.
  const Outcome grid =
      expect_done({"translate", "--model", "m.safetensors", "--images", "a.safetensors", "--out", "grid.png"});
  EXPECT_NE(grid.out.find("the rows, from the top: a, a to b, back to a, identity of a"), std::string::npos)
      << grid.out;
  const std::string png = read_file(folder_ / "grid.png");
  const SourceImage rows = decode_image({reinterpret_cast<const uint8_t*>(png.data()), png.size(), "grid.png"});
  EXPECT_EQ(rows.width, 16 * golden.at("a", "g").size(0));
  EXPECT_EQ(rows.height, 4 * 16);
  folder_.put("sizes/x.png", make_png(16, 16, 8, 0, std::string(256, '\x40')));
  folder_.put("sizes/y.png", make_png(24, 16, 8, 0, pixels));
  expect_refused({"translate", "--model", "m.safetensors", "--images", "sizes", "--out", "none.png"},
                 {"y.png", "24 x 16 pixels", "expected 16 x 16", "grid"});
  EXPECT_FALSE(fs::exists(folder_ / "none.png"));

  const Words translate{"translate", "--model", "m.safetensors", "--out", "out", "--images"};
  const auto refused = [&](const Words& more, const Words& says) {
    Words words = translate;
    words.insert(words.end(), more.begin(), more.end());
    expect_refused(words, says);
  };
  refused({"in", "--direction", "up"}, {"--direction up", "a_to_b or b_to_a"});
  folder_.put("odd/x.png", make_png(10, 16, 8, 0, std::string(160, '\x40')));
  refused({"odd"}, {"x.png", "10 x 16 pixels", "multiples of 4 from 8 on"});
  folder_.put("small/x.png", make_png(4, 4, 8, 0, std::string(16, '\x40')));
  refused({"small"}, {"x.png", "4 x 4 pixels", "from 8 on"});
  expect_refused({"reconstruct", "--model", "m.safetensors", "--images", "in", "--out", "out"},
                 {"a cyclegan reconstructs"});
  expect_refused({"sample", "--model", "m.safetensors", "--out", "out.png"}, {"translates images"});

  expect_done({"export", "--model", "m.safetensors", "--out", "x.onnx"});
  expect_done({"export", "--model", "m.safetensors", "--network", "b_to_a", "--out", "y.onnx"});
  EXPECT_GT(fs::file_size(folder_ / "y.onnx"), 10000u);
  expect_refused({"export", "--model", "m.safetensors", "--to", "cyclegan", "--out", "all.safetensors"},
                 {"4 networks", "--network"});
  expect_done({"export", "--model", "m.safetensors", "--to", "cyclegan", "--network", "b_to_a", "--out",
               "latest_net_G_B.safetensors"});
  expect_done({"import", "latest_net_G_B.safetensors", "--resolution", "16", "--out", "back.safetensors"});
  const auto before = load_safetensors(folder_ / "m.safetensors").with_prefix("generator_b_to_a."),
             after = load_safetensors(folder_ / "back.safetensors").with_prefix("generator_b_to_a.");
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, tensor] : before) EXPECT_TRUE(tensor.equal(after.at(name))) << name;
  expect_refused({"translate", "--model", "back.safetensors", "--images", "in", "--out", "out"},
                 {"back.safetensors", "no generator of the direction a_to_b"});

  const auto profile = nlohmann::json::parse(expect_done({"profile", "--model", "m.safetensors", "--json"}).out);
  EXPECT_EQ(profile["generator_a_to_b"]["params"], profile["generator_b_to_a"]["params"]);
}

// A teacher and its student, between squares and their outlines.
TEST_F(CycleGanProgram, TrainsAndCompresses) {
  put_squares(folder_, 40);
  expect_done({"prepare", "squares", "--size", "32", "--shuffle", "--range", "0:20", "--out", "a.dgldata"});
  expect_done({"prepare", "squares", "--size", "32", "--shuffle", "--range", "20:40", "--effect", "outline", "--out",
               "b.dgldata"});
  folder_.put("c.toml",
              "family = 'cyclegan'\n[network]\nresolution = 32\nimg_channels = 1\nchannels = 4\nblocks = 1\n"
              "[discriminator]\nchannels = 4\nlayers = 2\n[training]\nbatch = 2\nkimg = 0.02\ncheckpoint_kimg = 0.02\n"
              "pool = 4\n[guidance]\nstage1_kimg = 0.01\nstage2_kimg = 0.01\n");
  const Words data{"--data", "a.dgldata", "--data-b", "b.dgldata", "--recipe", "c.toml"};
  const auto with_data = [&](Words words) {
    words.insert(words.end(), data.begin(), data.end());
    return words;
  };
  expect_done(with_data({"train", "--out", "teacher"}));
  expect_done(with_data({"compress", "--teacher", "teacher/model.safetensors", "--width", "1/2", "--out", "half"}));
  const auto summary = nlohmann::json::parse(read_file(folder_ / "half/summary.json"));
  EXPECT_LT(2 * summary["student"]["generator"]["params"].get<int64_t>(),
            summary["teacher"]["generator"]["params"].get<int64_t>());
  // At full width, from the teacher's own networks.
  expect_done(with_data({"boost", "--teacher", "teacher/model.safetensors", "--from-teacher", "--out", "boosted"}));
  const auto boosted = nlohmann::json::parse(read_file(folder_ / "boosted/summary.json"));
  EXPECT_EQ(boosted["student"]["generator"]["params"], boosted["teacher"]["generator"]["params"]);
  expect_done({"bench", "--recipe", "c.toml", "--guided", "--json"});
  folder_.put("f.toml",
              "family = 'classifier'\n[network]\nresolution = 32\nimg_channels = 1\nfeatures = 4\nclasses = 2\n"
              "distance = 'fd_squares'\n[training]\nbatch = 8\nepochs = 1\n");
  expect_done({"train", "--recipe", "f.toml", "--data", "a.dgldata", "--out", "f"});
  const Words eval{"eval",   "--model", "teacher/model.safetensors", "--features", "f/model.safetensors",
                   "--json", "--data"};
  const auto distance = [&](const Words& more) {
    Words words = eval;
    words.insert(words.end(), more.begin(), more.end());
    return nlohmann::json::parse(expect_done(words).out)["fd_squares"].get<double>();
  };
  const double forward = distance({"b.dgldata", "--inputs", "a.dgldata"});
  EXPECT_GT(forward, 0);
  EXPECT_NE(distance({"a.dgldata", "--inputs", "b.dgldata", "--direction", "b_to_a"}), forward);
  expect_refused(
      {"eval", "--model", "teacher/model.safetensors", "--features", "f/model.safetensors", "--data", "b.dgldata"},
      {"translates images of another domain", "--inputs"});
  // Both at once, and with them what comes back and the right translations of ten images.
  expect_done({"prepare", "squares", "--size", "32", "--range", "0:10", "--out", "test-a.dgldata"});
  expect_done(
      {"prepare", "squares", "--size", "32", "--range", "0:10", "--effect", "outline", "--out", "test-b.dgldata"});
  const auto numbers = [&](const Words& more) {
    Words words = eval;
    words.insert(words.end(), {"a.dgldata", "--data-b", "b.dgldata"});
    words.insert(words.end(), more.begin(), more.end());
    return nlohmann::json::parse(expect_done(words).out);
  };
  const auto both = numbers({});
  EXPECT_EQ(both["fd_squares_a_to_b"], forward);
  EXPECT_DOUBLE_EQ(both["fd_squares"].get<double>(), (forward + both["fd_squares_b_to_a"].get<double>()) / 2);
  EXPECT_TRUE(both.contains("cycle_psnr_a") && both.contains("cycle_l1_b"));
  EXPECT_FALSE(both.contains("paired_psnr_a_to_b"));
  const auto paired = numbers(
      {"--inputs", "test-a.dgldata", "--inputs-b", "test-b.dgldata", "--partners", "--styles", "f/model.safetensors"});
  EXPECT_EQ(paired["samples"], 10);
  for (const char* name : {"paired_psnr_a_to_b", "paired_ssim_b_to_a", "partner_top1_a_to_b", "partner_top5_b_to_a",
                           "style_accuracy_a_to_b"}) {
    EXPECT_TRUE(paired.contains(name)) << name;
  }
  Words words = eval;
  words.insert(words.end(), {"a.dgldata", "--data-b", "b.dgldata", "--inputs", "test-a.dgldata", "--partners"});
  expect_refused(words, {"--partners", "10 images", "20"});

  // A run with these sets, and one direction of its student narrowed.
  Words measured = with_data({"compress", "--teacher", "teacher/model.safetensors", "--width", "1/2", "--out", "part"});
  for (const char* key :
       {"student.part=a_to_b", "guidance.stage1=distill", "evaluation.test=test-a.dgldata",
        "evaluation.test_b=test-b.dgldata", "evaluation.partners=true", "evaluation.features=f/model.safetensors"}) {
    measured.insert(measured.end(), {"--set", key});
  }
  const Outcome run = expect_done(measured);
  EXPECT_NE(run.err.find("PSNR a to b, partners, dB"), std::string::npos) << run.err;
  const auto part = nlohmann::json::parse(read_file(folder_ / "part/summary.json"));
  EXPECT_TRUE(part["student"]["translations"].contains("partner_top1_b_to_a"));
  EXPECT_EQ(part["student"]["generator_b_to_a"]["params"], part["teacher"]["generator_b_to_a"]["params"]);
  EXPECT_NE(part["remake"].get<std::string>().find("evaluation.test_b="), std::string::npos);

  expect_refused({"train", "--recipe", "c.toml", "--data", "a.dgldata", "--out", "out"},
                 {"cyclegan needs a packed set for each of its domains: a, b"});
}

}  // namespace
}  // namespace dgl::test
