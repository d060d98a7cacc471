#include <gif_lib.h>

#include "cli/program_test_case.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/image_file.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/interpolation.h"
#include "dgl/nn/sampling.h"
#include "dgl/nn/style_sampler.h"

namespace dgl::test {
namespace {

const std::string kDigitsTeacher = DGL_SOURCE_DIR "/assets/mnist32-teacher.safetensors";
const std::string kEmojiBigGan = DGL_SOURCE_DIR "/assets/emoji32-biggan-teacher.safetensors";
const std::string kOutlines = DGL_SOURCE_DIR "/assets/digits32-outlines-teacher.safetensors";
const std::string kLabelledAda = DGL_SOURCE_DIR "/tests/golden/stylegan2/ada32-labels.pt";

/// Seeds, films and mixed styles of models that come with the program.
class Play : public ProgramTest {
 protected:
  torch::Tensor images(const std::string& file) const { return load_safetensors(folder_ / file).at("images", file); }
  Words sample(const std::string& model, const Words& more) const {
    Words words{"sample", "--model", model, "--overwrite"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// The pixels [H, W] of a gray PNG.
  torch::Tensor picture(const std::string& file) const {
    const std::string png = read_file(folder_ / file);
    const SourceImage image = decode_image({reinterpret_cast<const uint8_t*>(png.data()), png.size(), file});
    EXPECT_EQ(image.channels, 1);
    return torch::tensor(at::ArrayRef<uint8_t>(image.pixels), torch::kUInt8).view({image.height, image.width});
  }
  static torch::Tensor bytes(const torch::Tensor& made) { return (made * 127.5 + 128).clamp(0, 255).to(torch::kUInt8); }
  static double difference(const torch::Tensor& a, const torch::Tensor& b) {
    return (a - b).abs().max().item<double>();
  }
};

TEST_F(Play, ASeedsImageIsItsFirst) {
  expect_done({"import", kLabelledAda, "--out", "ada", "--minibatch-std-group", "2"});
  for (const std::string& model : {kDigitsTeacher, std::string("ada"), kEmojiBigGan}) {
    expect_done(sample(model, {"--seeds", "11,3-5,3", "--out", "s.safetensors"}));
    const TensorFile all = load_safetensors(folder_ / "s.safetensors");
    ASSERT_EQ(all.at("images", "s").size(0), 5);
    const int64_t seeds[] = {11, 3, 4, 5, 3};
    for (int64_t i = 0; i < 5; ++i) {
      expect_done(sample(model, {"--seed", std::to_string(seeds[i]), "-n", "1", "--out", "one.safetensors"}));
      const TensorFile one = load_safetensors(folder_ / "one.safetensors");
      EXPECT_TRUE(all.at("images", "s")[i].equal(one.at("images", "one")[0])) << model << " seed " << seeds[i];
      EXPECT_EQ(all.contains("labels"), one.contains("labels"));
      if (one.contains("labels")) {
        EXPECT_TRUE(all.at("labels", "s")[i].equal(one.at("labels", "one")[0]));
      }
    }
  }
  expect_done(sample("ada", {"--seeds", "1-3", "--label", "2", "--out", "s.safetensors"}));
  EXPECT_TRUE(load_safetensors(folder_ / "s.safetensors").at("labels", "s").equal(torch::full({3}, 2, torch::kLong)));
}

TEST(Slerp, StaysOnTheArc) {
  torch::manual_seed(5);
  const auto a = torch::randn({64}), b = torch::randn({64}) * 3;
  EXPECT_LT((slerp(a, b, 0) - a).abs().max().item<double>(), 1e-6);
  EXPECT_LT((slerp(a, b, 1) - b).abs().max().item<double>(), 1e-5);
  const auto x = torch::tensor({1.0f, 0.0f}), y = torch::tensor({0.0f, 1.0f});
  const auto third = slerp(x, y, 1.0 / 3);
  EXPECT_NEAR(third[0].item<double>(), std::sqrt(0.75), 1e-6);
  EXPECT_NEAR(third[1].item<double>(), 0.5, 1e-6);
  EXPECT_TRUE(slerp(x, x, 0.3).equal(x));
  EXPECT_NEAR(slerp(x, -x, 0.25)[0].item<double>(), 0.5, 1e-6) << "opposite vectors have no arc of their own";
}

TEST_F(Play, FilmsOfAStyleGan2LeadAlongLinesInW) {
  expect_done(
      sample(kDigitsTeacher, {"--interpolate", "1,2", "--frames", "4", "--psi", "0.7", "--out", "f.safetensors"}));
  const torch::Tensor film = images("f.safetensors");
  ASSERT_EQ(film.size(0), 5) << "four from the first seed on, and the last seed's";
  const torch::NoGradGuard no_grad;
  const NetworkSet model = load_model(kDigitsTeacher);
  const auto sampler = sampler_of(model, "the model");
  StyleSampler& styles = *sampler->styles();
  const auto w_of = [&](uint64_t seed) {
    return styles.mean_w().lerp(styles.map(draw_latents(sampler->spec(), 1, seed), {}), 0.7);
  };
  for (int64_t i = 0; i < 5; ++i) {
    const torch::Tensor w = w_of(1).lerp(w_of(2), static_cast<double>(i) / 4);
    const torch::Tensor expected = styles.synthesize(w.unsqueeze(1).expand({-1, styles.num_ws(), -1}), {});
    EXPECT_LT(difference(film[i], expected[0]), 1e-4) << "frame " << i;
  }
  expect_done(sample(kDigitsTeacher, {"--interpolate", "1,2,5,1", "--frames", "3", "--out", "f.safetensors"}));
  EXPECT_EQ(images("f.safetensors").size(0), 9) << "a closed film does not show its first image twice";
}

TEST_F(Play, FilmsOfOtherModelsLeadAlongArcsInZ) {
  expect_done(
      sample(kEmojiBigGan, {"--interpolate", "4,9", "--frames", "2", "--label", "1", "--out", "f.safetensors"}));
  const auto sampler = sampler_of(load_model(kEmojiBigGan), "the model");
  const SampleSpec spec = sampler->spec();
  const torch::Tensor a = draw_latents(spec, 1, 4), b = draw_latents(spec, 1, 9);
  save_safetensors(folder_ / "z",
                   {{{"z", at::cat({a, slerp(a, b, 0.5), b})}, {"labels", torch::ones({3}, torch::kLong)}}, {}});
  expect_done(sample(kEmojiBigGan, {"--latents", "z", "--out", "x.safetensors"}));
  EXPECT_LT(difference(images("f.safetensors"), images("x.safetensors")), 1e-5);
  expect_done({"import", DGL_SOURCE_DIR "/tests/golden/diffusion/ddim.ckpt", "--resolution", "8", "--out", "ddim"});
  expect_done(sample("ddim", {"--interpolate", "1-3", "--frames", "2", "--steps", "2", "--out", "frames"}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(fs::exists(folder_ / fmt::format("frames/{:06d}.png", i)));
  EXPECT_FALSE(fs::exists(folder_ / "frames/000005.png"));
}

TEST_F(Play, AFilmIsAGifOrAStrip) {
  const Words film{"--interpolate", "1,2,1", "--frames", "4"};
  const auto with = [&](const Words& more) {
    Words words = film;
    words.insert(words.end(), more.begin(), more.end());
    return sample(kDigitsTeacher, words);
  };
  expect_done(with({"--out", "f.safetensors"}));
  const torch::Tensor frames = bytes(images("f.safetensors"));
  expect_done(with({"--out", "strip.png"}));
  const torch::Tensor strip = picture("strip.png");
  ASSERT_EQ(strip.sizes(), torch::IntArrayRef({2 * 32, 5 * 32}));
  const int64_t cells[2][5] = {{0, 1, 2, 3, 4}, {4, 5, 6, 7, 0}};
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t column = 0; column < 5; ++column) {
      const torch::Tensor cell = strip.slice(0, 32 * row, 32 * row + 32).slice(1, 32 * column, 32 * column + 32);
      EXPECT_TRUE(cell.equal(frames[cells[row][column]][0])) << row << " " << column;
    }
  }
  expect_done(with({"--fps", "10", "--out", "film.gif"}));
  int code = 0;
  GifFileType* gif = DGifOpenFileName((folder_ / "film.gif").c_str(), &code);
  ASSERT_TRUE(gif && DGifSlurp(gif) == GIF_OK);
  ASSERT_EQ(gif->ImageCount, 8);
  for (int i = 0; i < 8; ++i) {
    const auto* raster = gif->SavedImages[i].RasterBits;
    const torch::Tensor shown = torch::from_blob(const_cast<uint8_t*>(raster), {32, 32}, torch::kUInt8);
    EXPECT_TRUE(shown.equal(frames[i][0])) << "frame " << i;
    GraphicsControlBlock control{};
    DGifSavedExtensionToGCB(gif, i, &control);
    EXPECT_EQ(control.DelayTime, 10);
  }
  DGifCloseFile(gif, nullptr);
}

TEST_F(Play, MixesStylesByLayers) {
  const auto grid_of = [&](const std::string& mix) {
    expect_done(sample(kDigitsTeacher, {"--mix", mix, "--out", "mix.png"}));
    return picture("mix.png");
  };
  const auto cell = [](const torch::Tensor& grid, int64_t row, int64_t column) {
    return grid.slice(0, 32 * row, 32 * row + 32).slice(1, 32 * column, 32 * column + 32);
  };
  const auto near = [](const torch::Tensor& a, const torch::Tensor& b) {
    return (a.to(torch::kInt) - b.to(torch::kInt)).abs().max().item<int>() <= 1;
  };
  expect_done(sample(kDigitsTeacher, {"--seeds", "1-5", "--out", "s.safetensors"}));
  const torch::Tensor own = bytes(images("s.safetensors"));
  const torch::Tensor grid = grid_of("1,2:3-5@0-1");
  ASSERT_EQ(grid.sizes(), torch::IntArrayRef({3 * 32, 4 * 32}));
  EXPECT_EQ(cell(grid, 0, 0).max().item<int>(), 0);
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(near(cell(grid, 0, i + 1), own[i + 2][0]));
  for (int64_t i = 0; i < 2; ++i) EXPECT_TRUE(near(cell(grid, i + 1, 0), own[i][0]));
  EXPECT_FALSE(near(cell(grid, 1, 1), own[0][0]));
  EXPECT_FALSE(near(cell(grid, 1, 1), own[2][0]));
  // All layers of the column, and the same one: eight layers at 32 pixels.
  const torch::Tensor whole = grid_of("1,2:3-5@0-7"), same = grid_of("1:1@3"), usual = grid_of("1,2:3-5");
  EXPECT_TRUE(near(cell(whole, 2, 3), own[4][0]));
  EXPECT_TRUE(near(cell(same, 1, 1), own[0][0]));
  EXPECT_TRUE(usual.equal(grid_of("1,2:3-5@0-3"))) << "the first half of the layers";
}

TEST_F(Play, DrawsGivenStyles) {
  const auto sampler = sampler_of(load_model(kDigitsTeacher), "the model");
  const torch::NoGradGuard no_grad;
  StyleSampler& styles = *sampler->styles();
  const torch::Tensor w = styles.map(draw_latents(sampler->spec(), 3, 8), {});
  save_safetensors(folder_ / "w", {{{"w", w}}, {}});
  save_safetensors(folder_ / "ws", {{{"w", w.unsqueeze(1).repeat({1, styles.num_ws(), 1})}}, {}});
  save_safetensors(folder_ / "wrong", {{{"w", torch::zeros({3, 5})}}, {}});
  save_safetensors(folder_ / "nan", {{{"w", w * std::nan("")}}, {}});
  expect_done(sample(kDigitsTeacher, {"-n", "3", "--seed", "8", "--out", "x.safetensors"}));
  expect_done(sample(kDigitsTeacher, {"--w", "w", "--out", "y.safetensors"}));
  expect_done(sample(kDigitsTeacher, {"--w", "ws", "--out", "z.safetensors"}));
  EXPECT_LT(difference(images("x.safetensors"), images("y.safetensors")), 1e-5);
  EXPECT_TRUE(images("y.safetensors").equal(images("z.safetensors")));
  expect_refused(sample(kDigitsTeacher, {"--w", "wrong", "--out", "out"}), {"wrong", "tensor w", "[N, 64]"});
  expect_refused(sample(kDigitsTeacher, {"--w", "nan", "--out", "out"}), {"nan", "not finite"});
  expect_refused(sample(kEmojiBigGan, {"--w", "w", "--out", "out"}), {"emoji32-biggan", "no styles"});
}

TEST_F(Play, WhatAModelCannotDoIsSaid) {
  const auto refused = [&](const std::string& model, const Words& more, const Words& says) {
    Words words = more;
    words.insert(words.end(), {"--out", "out"});
    expect_refused(sample(model, words), says);
  };
  refused(kEmojiBigGan, {"--mix", "1:2"}, {"--mix", "emoji32-biggan", "no styles", "StyleGAN2"});
  refused(kEmojiBigGan, {"--interpolate", "1,2"}, {"--interpolate", "labels", "--label"});
  refused(kOutlines, {"--interpolate", "1,2"}, {"--interpolate", "outlines", "images"});
  refused(kOutlines, {"--seeds", "1"}, {"--seeds", "outlines", "images"});
  refused(kDigitsTeacher, {"--interpolate", "1"}, {"--interpolate", "two or more"});
  refused(kDigitsTeacher, {"--interpolate", "1-2000", "--frames", "100"}, {"--interpolate", "at most 100000"});
  refused(kDigitsTeacher, {"--mix", "1:2@8"}, {"layer 8", "0 to 7"});
  refused(kDigitsTeacher, {"--mix", "1:2"}, {"--out out", ".png"});
  for (const std::string text : {"1-4", "1@2:3", ":1", "1:", "1:2@", "a:b"}) {
    refused(kDigitsTeacher, {"--mix=" + text}, {"--mix", text.substr(0, 1)});
  }
  for (const std::string text :
       {"x", "1,", ",1", "1--3", "-1", "1-", "5-3", "1 2", "99999999999999999999", "0-999999"}) {
    refused(kDigitsTeacher, {"--seeds=" + text}, {"--seeds"});
  }
  for (const Words& both : {Words{"--seeds", "1", "--mix", "1:2"}, Words{"--seeds", "1", "-n", "2"},
                            Words{"--frames", "3"}, Words{"--interpolate", "1,2", "--seed", "3"}}) {
    Words words = sample(kDigitsTeacher, both);
    words.insert(words.end(), {"--out", "out"});
    EXPECT_EQ(dgl_(words).status, 2);
  }
}

}  // namespace
}  // namespace dgl::test
