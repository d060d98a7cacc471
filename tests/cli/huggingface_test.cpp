#include <nlohmann/json.hpp>

#include "cli/program_test_case.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"

namespace dgl::test {
namespace {

const std::string kFiles = std::string(DGL_SOURCE_DIR) + "/tests/golden/";

class HuggingFaceExport : public ProgramTest {
 protected:
  Words exported(const std::string& model, const std::string& out, const Words& more = {}) {
    Words words{"export", "--model", model, "--to", "huggingface", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string card(const std::string& folder) const { return read_file(folder_ / folder / "README.md"); }
  void expect_card(const std::string& folder, const Words& says) const {
    for (const auto& word : says) EXPECT_NE(card(folder).find(word), std::string::npos) << card(folder) << word;
  }
};

TEST_F(HuggingFaceExport, WritesTheModelItsSettingsAndACard) {
  expect_done({"import", kFiles + "stylegan2/ada32-labels.pt", "--out", "m"});
  const Outcome outcome = expect_done(exported("m", "hub"));
  EXPECT_EQ(outcome.out, "hub: model.safetensors, config.json, README.md\n");
  EXPECT_EQ(card("hub").rfind("---\nlibrary_name: dgl\npipeline_tag: unconditional-image-generation\ntags:\n", 0), 0u);
  // No license, since none is known; and the figures of `dgl profile`.
  EXPECT_EQ(card("hub").find("\nlicense:"), std::string::npos);
  expect_card("hub", {"# license", "\n---\n\n# hub\n", "| `generator` |", "| `discriminator` |", "model.sample("});
  const TensorFile before = load_safetensors(folder_ / "m"),
                   after = load_safetensors(folder_ / "hub/model.safetensors");
  ASSERT_EQ(before.tensors.size(), after.tensors.size());
  for (const auto& [name, tensor] : before.tensors) EXPECT_TRUE(after.at(name, "hub").equal(tensor)) << name;
  const auto config = nlohmann::json::parse(read_file(folder_ / "hub/config.json"));
  const auto metadata = nlohmann::json::parse(after.metadata.at("dgl"));
  EXPECT_EQ(config["family"], "stylegan2");
  EXPECT_EQ(config["library_name"], "dgl");
  EXPECT_EQ(config["generator"], metadata["generator"]);
  EXPECT_EQ(config["discriminator"], metadata["discriminator"]);
  // The folder stands for the model.
  expect_done({"sample", "--model", "hub", "--label", "3", "-n", "2", "--out", "x.safetensors"});

  const Outcome again = dgl_(exported("m", "hub"));
  EXPECT_EQ(again.status, 1);
  EXPECT_NE(again.err.find("hub/model.safetensors"), std::string::npos) << again.err;
  expect_done(exported("m", "hub", {"--overwrite", "--network", "generator"}));
  EXPECT_EQ(card("hub").find("discriminator"), std::string::npos);
}

TEST_F(HuggingFaceExport, ACardHasTheFiguresOfTheRun) {
  fs::create_directory(folder_ / "run");
  expect_done(
      {"import", kFiles + "cyclegan/latest_net_G_A.pth", "--resolution", "16", "--out", "run/model.safetensors"});
  folder_.put("run/summary.json",
              R"({"metric": "fd_x", "metric_samples": 300, "judge_metric": "fd_y", "data": {"file": "d.dgldata"},
                  "student": {"fd": 7.0625, "precision": 0.75, "translations": {"cycle_psnr_a": 21.5}},
                  "teacher": {"fd": 6.4375, "judge_fd": 2}})");
  for (const std::string model : {"run", "run/model.safetensors"}) {
    expect_done(exported(model, "hub", {"--overwrite"}));
    expect_card("hub",
                {"pipeline_tag: image-to-image", "on `d.dgldata`", "over 300 images", "| | this model | teacher |",
                 "| `fd_x` | 7.06 | 6.44 |", "| precision | 0.750 |", "| `cycle_psnr_a` | 21.5 |", "model.translate("});
  }
  // A model of another name in the folder is not the run's result.
  fs::copy_file(folder_ / "run/model.safetensors", folder_ / "run/best.safetensors");
  expect_done(exported("run/best.safetensors", "best"));
  EXPECT_EQ(card("best").find("fd_x"), std::string::npos);
  folder_.put("run/summary.json", "[1");
  expect_refused(exported("run", "out"), {"summary.json"});
  folder_.put("run/summary.json", R"({"student": {"fd": "low"}})");
  expect_refused(exported("run", "out"), {"summary.json", "fd"});
}

TEST_F(HuggingFaceExport, RefusesAFile) {
  expect_done({"import", kFiles + "vae/f4.pt", "--resolution", "16", "--out", "m"});
  for (const std::string out : {"x.safetensors", "x.onnx"}) {
    const Outcome outcome = dgl_(exported("m", out));
    EXPECT_EQ(outcome.status, 2) << outcome.err;
    EXPECT_NE(outcome.err.find("writes a folder"), std::string::npos) << outcome.err;
    EXPECT_FALSE(fs::exists(folder_ / out));
  }
  folder_.put("file", "");
  EXPECT_EQ(dgl_(exported("m", "file")).status, 1);
  expect_done(exported("m", "hub"));
  expect_card("hub", {"pipeline_tag: image-to-image", "| `encoder` |", "model.reconstruct("});
}

}  // namespace
}  // namespace dgl::test
