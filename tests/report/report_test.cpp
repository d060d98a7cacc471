#include "dgl/report/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/report/html.h"
#include "dgl/report/image_grid.h"

namespace dgl {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// A run directory of its own for each test.
class WriteReport : public testing::Test {
 protected:
  void SetUp() override {
    run_ = fs::temp_directory_path() / fmt::format("dgl_report_{}", ::getpid());
    fs::create_directories(run_ / "samples");
    write_file(run_ / "log.jsonl", "{\"stage\":1,\"kimg\":1,\"loss\":{\"g_main\":0.5}}\n");
  }
  void TearDown() override { fs::remove_all(run_); }

  void use_fixture() {
    fs::remove_all(run_);
    fs::copy(fs::path(DGL_SOURCE_DIR) / "tests/report/fixture", run_, fs::copy_options::recursive);
  }
  std::string page() {
    write_report(run_);
    return read_file(run_ / "report.html");
  }
  /// The page without its scripts and styles.
  std::string body() {
    const std::string text = page();
    const size_t at = text.find("<body>");
    return text.substr(at, text.find("<script", at) - at);
  }
  nlohmann::json data() {
    const std::string text = page(), open = "<script type=\"application/json\" id=\"data\">";
    const size_t at = text.find(open) + open.size();
    return nlohmann::json::parse(text.substr(at, text.find("</script>", at) - at));
  }
  std::string error() {
    try {
      write_report(run_);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path run_;
};

TEST_F(WriteReport, ComparesStudentAndTeacher) {
  use_fixture();
  const std::string text = body();
  EXPECT_TRUE(has(text, "<h1>A student 3.8× smaller and 2.8× faster than its teacher</h1>"));
  EXPECT_TRUE(has(text, "<td title=\"1190532\">1.19 M</td><td title=\"316804\">317 k</td><td>0.266</td>"));
  EXPECT_TRUE(has(text, "Latency at batch 1, ms</th><td>3.02</td><td>1.94</td><td>0.642</td>"));
  EXPECT_TRUE(has(text, "fd_mnist to the real images</th><td>44.9</td><td>45.3</td>"));
  EXPECT_TRUE(has(text, "(+0.8\u00a0%)"));
  EXPECT_TRUE(has(text, "2 guided</th><td>0.1</td><td>100–200</td>"));
  EXPECT_TRUE(has(text, "mapping_layers = 4"));
  EXPECT_TRUE(has(text, "dgl compress --teacher assets/teacher.safetensors"));
  // Teacher, student and real images, and six grids over time, as they are in the files.
  EXPECT_EQ(count(text, "<img"), 9u);
  EXPECT_TRUE(has(text, base64(read_file(run_ / "samples/teacher.png"))));
  EXPECT_TRUE(has(text, base64(read_file(run_ / "samples/000100.png"))));
  EXPECT_EQ(count(text, "<canvas"), 5u);
}

TEST_F(WriteReport, GivesTheCurvesToTheScript) {
  use_fixture();
  const nlohmann::json json = data();
  EXPECT_EQ(json["distance"].size(), 20u);
  EXPECT_EQ(json["losses"]["g_guidance"].size(), 20u);
  EXPECT_EQ(json["losses"]["g_main"].size(), 40u);
  EXPECT_EQ(json["teacher"], 44.91);
  EXPECT_EQ(json["stages"][1]["name"], "stage 2: guided");
  EXPECT_EQ(json["stages"][1]["start"], 100);
}

TEST_F(WriteReport, NeedsNothingFromTheNetwork) {
  use_fixture();
  const std::string text = page();
  EXPECT_EQ(count(text, "<script src"), 0u);
  EXPECT_EQ(count(text, "<link"), 1u);
  EXPECT_TRUE(has(text, "default-src 'none'"));
  for (size_t at = text.find(" src=\""); at != std::string::npos; at = text.find(" src=\"", at + 1)) {
    EXPECT_EQ(text.compare(at + 6, 22, "data:image/png;base64,"), 0);
  }
  EXPECT_TRUE(has(text, "Chart.js v3"));
}

TEST_F(WriteReport, LeavesOutWhatARunInProgressLacks) {
  const std::string text = body();
  EXPECT_TRUE(has(text, "Training continues: 1 kimg so far"));
  EXPECT_FALSE(has(text, "<table"));
  EXPECT_FALSE(has(text, "<img"));
  EXPECT_FALSE(has(text, "eacher"));
  EXPECT_FALSE(has(text, "{{"));
  EXPECT_EQ(count(text, "<canvas"), 1u);
}

TEST_F(WriteReport, TellsOfATrainedModelAlone) {
  write_file(run_ / "summary.json",
             R"({"command":"train","metric":"fd_mnist","model":{"fd":50.12,"generator":{"params":1000000}}})");
  const std::string text = body();
  EXPECT_TRUE(has(text, "<h1>Model at a distance of 50.1 to the real images</h1>"));
  EXPECT_TRUE(has(text, "<h2>The model</h2>"));
  EXPECT_TRUE(has(text, "1.00 M"));
  EXPECT_FALSE(has(text, "eacher"));
}

TEST_F(WriteReport, NamesTheRowsOfGridsOfLabels) {
  use_fixture();
  EXPECT_FALSE(has(body(), "The rows, from the top"));
  auto summary = nlohmann::json::parse(read_file(run_ / "summary.json"));
  summary["grid_rows"] = {"cat", "<dog>"};
  write_file(run_ / "summary.json", summary.dump());
  EXPECT_TRUE(has(body(), "The rows, from the top: cat, &lt;dog&gt;."));
  summary["grid_rows"] = {1};
  write_file(run_ / "summary.json", summary.dump());
  EXPECT_TRUE(has(error(), "key grid_rows: expected an array of strings"));
}

TEST_F(WriteReport, ShowsBothDirectionsOfTranslations) {
  EXPECT_FALSE(has(body(), "<h2>Translations</h2>"));
  write_file(run_ / "summary.json",
             R"({"metric":"fd_mnist","student":{"fd":4,"translations":{"fd_a_to_b":3.5,"paired_psnr_b_to_a":17.25}},
                 "teacher":{"translations":{"fd_a_to_b":2.5}}})");
  write_file(run_ / "log.jsonl", "{\"kimg\":1,\"measures\":{\"cycle_psnr_a\":20}}\n");
  const std::string text = body();
  EXPECT_TRUE(has(text, "<h2>Translations</h2>"));
  EXPECT_TRUE(has(text, "fd_mnist: a to b</th><td>2.50</td><td>3.50</td>"));
  EXPECT_TRUE(has(text, "PSNR with the partner, dB: b to a</th><td>–</td><td>17.2</td>"));
  EXPECT_TRUE(has(text, "<canvas id=\"psnr\""));
}

TEST_F(WriteReport, TellsOfABoostedModel) {
  write_file(run_ / "summary.json", R"({"student":{"fd":45,"generator":{"params":100}},
                                        "teacher":{"fd":50,"generator":{"params":100}}})");
  const std::string text = body();
  EXPECT_TRUE(has(text, "<h1>A student 10 % closer to the real images than its teacher</h1>"));
  EXPECT_TRUE(has(text, "the same"));
}

TEST_F(WriteReport, NoTextOfARunBecomesMarkup) {
  const std::string evil = R"(</script><img src=x onerror=alert(1)>"'&)";
  nlohmann::json summary = {{"command", evil},   {"metric", evil}, {"remake", evil},
                            {"precision", evil}, {"device", evil}, {"data", {{"file", evil}, {"resize", evil}}}};
  for (const char* role : {"student", "teacher"}) summary[role] = {{"file", evil}, {"width", evil}, {"fd", 1.0}};
  summary["stages"] = {{{"stage", 1}, {"name", evil}, {"kimg_start", 0}, {"kimg_end", 1}}};
  write_file(run_ / "summary.json", summary.dump());
  write_file(run_ / "log.jsonl", nlohmann::json({{"kimg", 1}, {"fd", 3}, {"loss", {{evil, 1}}}}).dump() + "\n");
  write_file(run_ / "recipe.toml", "name = '" + evil + "'\n{{js}}\n");
  const fs::path harmless = run_, odd = fs::path(run_.string() + "<img src=x>&\"");
  fs::remove_all(odd);
  fs::rename(harmless, odd);
  run_ = odd;
  const std::string text = page();
  EXPECT_FALSE(has(text, "<img"));
  EXPECT_EQ(count(text, "</script>"), 3u);
  EXPECT_TRUE(has(text, "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
  EXPECT_TRUE(has(text, "{{js}}"));
  EXPECT_EQ(data()["losses"].begin().key(), evil);
}

TEST_F(WriteReport, EmbedsAtMostTwentyFourGridsOfAllTimes) {
  for (int i = 0; i < 60; ++i) {
    write_grid(run_ / "samples" / fmt::format("{:06d}.png", i), torch::full({1, 1, 2, 2}, i, torch::kUInt8), 1);
  }
  write_file(run_ / "samples" / "notes.png", "not a picture, and not named like a grid");
  const std::string text = body();
  EXPECT_EQ(count(text, "data-kimg="), 24u);
  EXPECT_TRUE(has(text, "data-kimg=\"0\" hidden"));
  EXPECT_TRUE(has(text, "data-kimg=\"59\" class=\"pixels\""));
}

TEST_F(WriteReport, NamesWhatIsMalformed) {
  const auto said = [&](const std::string& part) { EXPECT_TRUE(has(error(), part)) << error(); };
  write_file(run_ / "summary.json", "{\"student\":");
  said((run_ / "summary.json").string() + ": malformed JSON");
  write_file(run_ / "summary.json", R"({"student":{"generator":{"latency_ms":{"1":"fast"}}}})");
  said("summary.json: key student.generator.latency_ms.1: expected a number, got string");
  write_file(run_ / "summary.json", R"({"stages":[{"stage":1},7]})");
  said("summary.json: key stages[1]: expected an object, got number");
  write_file(run_ / "summary.json", "{}");
  write_file(run_ / "samples" / "real.png", "GIF89a, which is not what was asked for");
  said("real.png: expected a PNG file");
  fs::remove(run_ / "samples" / "real.png");
  write_file(run_ / "log.jsonl", "{\"kimg\":1}\nnonsense\n");
  said("log.jsonl line 2: malformed JSON");
  fs::remove(run_ / "log.jsonl");
  said("not a run directory: it has no log.jsonl");
  EXPECT_FALSE(fs::exists(run_ / "report.html"));
  run_ /= "missing";
  said("missing: expected a run directory");
}

}  // namespace
}  // namespace dgl
