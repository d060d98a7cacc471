#include <nlohmann/json.hpp>

#include "cli/program_test_case.h"

namespace dgl::test {
namespace {

using Words = std::vector<std::string>;

/// One row of the sizes that were counted from the reference implementations; MACs in thousandths of a G.
struct Size {
  int resolution;
  const char *width, *narrow_constant;
  int64_t g_params, g_macs, d_params, d_macs;
};

constexpr Size kSizes[] = {
    {1024, "1", "false", 30370060, 74267, 29012513, 76672},  {1024, "1/2", "true", 10339740, 18619, 7256081, 19193},
    {1024, "1/2", "false", 11064988, 18628, 7256081, 19193}, {1024, "1/4", "true", 4746532, 4681, 1815497, 4811},
    {1024, "1/4", "false", 5392036, 4689, 1815497, 4811},    {256, "1", "true", 30034338, 45125, 28864129, 46532},
    {256, "1/2", "true", 10206434, 11295, 7219009, 11639},   {256, "1/2", "false", 10931682, 11305, 7219009, 11639},
    {256, "1/4", "true", 4688514, 2832, 1806241, 2913},      {256, "1/4", "false", 5334018, 2839, 1806241, 2913}};

std::string recipe(int resolution, const std::string& name) {
  return DGL_SOURCE_DIR "/recipes/ffhq" + std::to_string(resolution) + "-" + name + ".toml";
}

TEST(Profile, FfhqNetworksHaveThePublishedSizesToTheDigit) {
  const TemporaryFolder folder;
  const Program dgl(folder);
  for (const Size& size : kSizes) {
    const std::string constant = std::string("student.narrow_constant=") + size.narrow_constant;
    const Outcome outcome = dgl({"profile", "--recipe", recipe(size.resolution, "teacher"), "--width", size.width,
                                 "--set", constant, "--json"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    const auto thousandths = [](const nlohmann::json& macs) { return (macs.get<int64_t>() + 500000) / 1000000; };
    const std::string row = fmt::format("{} px, width {}, {}", size.resolution, size.width, constant);
    EXPECT_EQ(json["generator"]["params"], size.g_params) << row;
    EXPECT_EQ(thousandths(json["generator"]["macs"]), size.g_macs) << row;
    EXPECT_EQ(json["discriminator"]["params"], size.d_params) << row;
    EXPECT_EQ(thousandths(json["discriminator"]["macs"]), size.d_macs) << row;
    // No weights, no latency.
    EXPECT_FALSE(json["generator"].contains("latency_ms"));
  }
}

TEST(Profile, EveryFfhqRecipeIsReadAndTheStudentsNameTheirWidth) {
  const TemporaryFolder folder;
  const Program dgl(folder);
  for (const int resolution : {1024, 256}) {
    for (const char* name : {"teacher", "half", "quarter"}) {
      const Outcome outcome = dgl({"profile", "--recipe", recipe(resolution, name), "--json"});
      ASSERT_EQ(outcome.status, 0) << outcome.err;
      const auto json = nlohmann::json::parse(outcome.out);
      EXPECT_EQ(json["generator"]["params"], resolution == 1024 ? 30370060 : 30034338);
    }
    EXPECT_NE(read_file(recipe(resolution, "half")).find("width = \"1/2\""), std::string::npos);
    EXPECT_NE(read_file(recipe(resolution, "quarter")).find("width = \"1/4\""), std::string::npos);
  }
}

TEST(Profile, BigGanRecipesHaveThePublishedSizesToTheDigit) {
  const TemporaryFolder folder;
  const Program dgl(folder);
  const auto params = [&](const std::string& name, const std::string& width) {
    const Outcome outcome =
        dgl({"profile", "--recipe", DGL_SOURCE_DIR "/recipes/" + name + ".toml", "--width", width, "--json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out)["generator"]["params"].get<int64_t>();
  };
  EXPECT_EQ(params("imagenet128-teacher", "1"), 70433988);
  EXPECT_EQ(params("imagenet128-half", "1/2"), 18383460);
  EXPECT_EQ(params("imagenet128-quarter", "1/4"), 5031348);
  EXPECT_EQ(params("cifar10-biggan", "1"), 9258243);
  EXPECT_EQ(params("cifar10-biggan-half", "1/2"), 2527875);
  EXPECT_EQ(params("cifar10-biggan-quarter", "1/4"), 738627);
}

/// tests/onnx/onnxruntime.js times a model where ONNX Runtime is installed.
class ProfileWithOnnxRuntime : public ProgramTest {
 protected:
  const std::string model_ = DGL_SOURCE_DIR "/assets/mnist32-teacher.safetensors";
};

TEST_F(ProfileWithOnnxRuntime, LibrariesThatAreNoneAreRefused) {
  const auto refused = [&](const std::string& library, const Words& says) {
    expect_refused({"profile", "--model", model_, "--onnxruntime", library}, says);
  };
  refused("./none.so", {"--onnxruntime ./none.so", "not a library that can be loaded"});
  folder_.put("text.so", "no library");
  refused("./text.so", {"--onnxruntime ./text.so", "not a library that can be loaded"});
  refused("libz.so.1", {"--onnxruntime libz.so.1", "not ONNX Runtime", "OrtGetApiBase"});
  refused(DGL_OLD_ONNXRUNTIME, {"ONNX Runtime 1.2.0 is too old", "expected 1.7 or later"});
}

TEST_F(ProfileWithOnnxRuntime, GoesWithAModelAndItsLatencyOnly) {
  for (const Words& words : {Words{"profile", "--recipe", recipe(256, "half"), "--onnxruntime", "auto"},
                             Words{"profile", "--model", model_, "--no-latency", "--onnxruntime", "auto"}}) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("--onnxruntime"), std::string::npos) << outcome.err;
  }
}

/// tests/onnx/onnxruntime.js calibrates where ONNX Runtime is installed.
TEST_F(ProfileWithOnnxRuntime, CalibrationWithoutDataOrRuntimeIsRefused) {
  const auto exported = [&](const std::string& model, const Words& more) {
    Words words{"export", "--model", DGL_SOURCE_DIR "/assets/" + model, "--out", "out.onnx", "--precision", "int8"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_refused(exported("digits32-outlines-teacher.safetensors", {"--calibrate", "16"}),
                 {"--calibrate", "takes images", "expected --data"});
  expect_refused(exported("mnist32-teacher.safetensors", {"--calibrate", "16", "--onnxruntime", "libz.so.1"}),
                 {"not ONNX Runtime"});
  EXPECT_FALSE(fs::exists(folder_ / "out.onnx"));
  Words half = exported("mnist32-teacher.safetensors", {"--calibrate", "16"});
  *std::find(half.begin(), half.end(), "int8") = "fp16";
  for (const Words& words :
       {half, exported("mnist32-teacher.safetensors", {"--calibrate", "0"}),
        exported("mnist32-teacher.safetensors", {"--calibrate", "16", "--network", "generator"})}) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find("--calibrate"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace dgl::test
