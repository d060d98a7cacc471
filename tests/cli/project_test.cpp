#include "cli/program_test_case.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"

namespace dgl::test {
namespace {

const std::string kProjectedInto = DGL_SOURCE_DIR "/assets/mnist32-teacher.safetensors";
const std::string kDigitFeatures = DGL_SOURCE_DIR "/assets/mnist32-features.safetensors";

/// Two images of a model, which it makes of some w again.
class Project : public ProgramTest {
 protected:
  Project() {
    expect_done({"sample", "--model", kProjectedInto, "--seeds", "2,6", "--psi", "0.7", "--out", "x.safetensors"});
    expect_done({"sample", "--model", kProjectedInto, "--seeds", "2,6", "--psi", "0.7", "--out", "x"});
  }
  Outcome project(const Words& more) {
    Words words{"project", "--model", kProjectedInto, "--overwrite"};
    words.insert(words.end(), more.begin(), more.end());
    return expect_done(words);
  }
  TensorFile file(const std::string& name) const { return load_safetensors(folder_ / name); }
  /// The mean squared difference of the images that were found from those asked for.
  double error(const std::string& found) const {
    return (file(found).at("images", found) - file("x.safetensors").at("images", "x")).square().mean().item<double>();
  }
};

TEST_F(Project, FindsTheStylesOfImages) {
  project({"--images", "x.safetensors", "--steps", "1", "--lr", "1e-6", "--out", "mean.safetensors"});
  const Outcome outcome =
      project({"--images", "x.safetensors", "--steps", "100", "--out", "w.safetensors", "--grid", "pairs.png"});
  EXPECT_NE(outcome.out.find("2 images, mean distance by discriminator"), std::string::npos) << outcome.out;
  const TensorFile found = file("w.safetensors"), mean = file("mean.safetensors");
  EXPECT_EQ(found.at("w", "w").sizes(), torch::IntArrayRef({2, 64}));
  EXPECT_TRUE(fs::exists(folder_ / "pairs.png"));
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_LT(found.at("distances", "w")[i].item<double>(), 0.5 * mean.at("distances", "mean")[i].item<double>());
  }
  EXPECT_LT(error("w.safetensors"), 0.5 * error("mean.safetensors"));
  // dgl sample draws them again.
  expect_done({"sample", "--model", kProjectedInto, "--w", "w.safetensors", "--out", "again.safetensors"});
  EXPECT_LT((file("again.safetensors").at("images", "a") - found.at("images", "w")).abs().max().item<double>(), 1e-5);
}

TEST_F(Project, IsAFunctionOfTheSeed) {
  const auto found = [&](const Words& more) {
    Words words{"--images", "x.safetensors", "--steps", "12", "--out", "w.safetensors"};
    words.insert(words.end(), more.begin(), more.end());
    project(words);
    return file("w.safetensors").at("w", "w");
  };
  const torch::Tensor first = found({});
  EXPECT_TRUE(first.equal(found({})));
  // The same noise in any batch. Adam follows the sign of a gradient however small it is, so that rounding, which
  // differs from batch to batch, moves some numbers by as much as a step.
  const double other = (first - found({"--seed", "1"})).norm().item<double>();
  EXPECT_GT(other, 0);
  EXPECT_LT((first - found({"--batch", "1"})).norm().item<double>(), 0.1 * other) << other;
}

TEST_F(Project, TakesOtherFeaturesAndFolders) {
  project({"--images", "x", "--steps", "40", "--features", kDigitFeatures, "--out", "f.safetensors"});
  project({"--images", "x", "--steps", "1", "--lr", "1e-6", "--features", kDigitFeatures, "--out", "mean.safetensors"});
  EXPECT_EQ(file("f.safetensors").metadata.at("distance"), "fd_mnist");
  EXPECT_LT(file("f.safetensors").at("distances", "f").mean().item<double>(),
            0.7 * file("mean.safetensors").at("distances", "mean").mean().item<double>());
}

TEST_F(Project, SaysWhatDoesNotFit) {
  const auto refused = [&](const Words& more, const Words& says) {
    Words words{"project", "--steps", "2", "--out", "out.safetensors"};
    words.insert(words.end(), more.begin(), more.end());
    expect_refused(words, says);
    EXPECT_FALSE(fs::exists(folder_ / "out.safetensors"));
  };
  const std::string biggan = DGL_SOURCE_DIR "/assets/emoji32-biggan-teacher.safetensors";
  const std::string emoji = DGL_SOURCE_DIR "/assets/emoji32-features.safetensors";
  refused({"--model", biggan, "--images", "x"}, {"emoji32-biggan", "no styles"});
  refused({"--model", kProjectedInto, "--images", "none"}, {"none", "folder"});
  save_safetensors(folder_ / "small.safetensors", {{{"images", torch::zeros({1, 1, 16, 16})}}, {}});
  refused({"--model", kProjectedInto, "--images", "small.safetensors"}, {"small.safetensors", "[N, 1, 32, 32]"});
  refused({"--model", kProjectedInto, "--images", "x", "--features", emoji}, {"emoji32-features", "3 x 32 x 32"});
  refused({"--model", kProjectedInto, "--images", "x", "--label", "1"}, {"--label 1", "0 labels"});
  refused({"--model", kProjectedInto, "--images", "x", "--grid", "g.jpg"}, {"g.jpg", ".png"});
  const Outcome both = dgl_({"project", "--model", kProjectedInto, "--images", "x", "--features", emoji, "--lpips", "l",
                             "--out", "out.safetensors"});
  EXPECT_EQ(both.status, 2) << both.err;
}

}  // namespace
}  // namespace dgl::test
