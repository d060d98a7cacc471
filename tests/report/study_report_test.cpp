#include "dgl/report/study_report.h"

#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/base/text.h"
#include "dgl/base/torch.h"
#include "dgl/report/html.h"
#include "dgl/report/image_grid.h"
#include "dgl/report/study_tables.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const char* const kResults =
    R"({"study":"s","title":"A <quarter>","control":"alone","metric":"fd_x","metric_samples":100,
 "teacher":{"fd":21,"error":0.5},
 "arms":[{"name":"alone","runs":[{"seed":0,"folder":"arms/alone/seed0","fd":50,"fd_end":51,"kimg":7},{"seed":1,"folder":"arms/alone/seed1","fd":60,"fd_end":61,"kimg":7}],
          "fd":{"count":2,"mean":55,"deviation":7.07,"error":5},"fd_end":{"count":2,"mean":56,"deviation":7.07,"error":5},
          "curve":[[3,80,70,90,2],[7,56,51,61,2]]},
         {"name":"guided","runs":[{"seed":0,"folder":"arms/guided/seed0","fd":45,"fd_end":46,"kimg":7},{"seed":1,"folder":"arms/guided/seed1","failure":"status 1: diverged"}],
          "fd":{"count":1,"mean":45},"fd_end":{"count":1,"mean":46},"difference":{"count":2,"mean":-5,"deviation":1.4,"error":1},
          "ratio":{"count":2,"mean":0.9,"error":0.02},
          "curve":[[3,80,70,90,2],[7,46,46,46,1]]}]})";

struct StudyReport : ::testing::Test {
  std::string page() const {
    write_study_report(folder.path());
    return read_file(folder / "report.html");
  }
  TemporaryFolder folder;
};

TEST_F(StudyReport, ShowsArmsCurvesAndGrids) {
  folder.put("results.json", kResults);
  fs::create_directories(folder / "arms/guided/seed0/samples");
  write_grid(folder / "arms/guided/seed0/samples/final.png", torch::zeros({4, 1, 8, 8}), 2);
  const std::string text = page();
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has("<h1>A &lt;quarter&gt;</h1>"));
  EXPECT_TRUE(
      has("<th "
          "scope=\"row\">alone</th><td>2</td><td>55.0\u00a0±\u00a05.0</td><td>7.07</td><td>56.0\u00a0±\u00a05.0</"
          "td><td></td><td>control</td><td></td><td></td><td>–</td>"));
  EXPECT_TRUE(
      has("<th scope=\"row\">guided</th><td>1, 1 "
          "failed</td><td>45.0</td><td>–</td><td>46.0</td><td>-5.00\u00a0±\u00a01.00</td><td>0.900</td><td>0.679 "
          "to 1.19</td><td>–</td><td>–</td>"));
  EXPECT_TRUE(has("<th scope=\"row\">teacher</th><td></td><td>21.0\u00a0±\u00a00.5</td>"));
  EXPECT_TRUE(has("status 1: diverged"));
  EXPECT_TRUE(has("<strong>guided, seed 0</strong>"));
  EXPECT_TRUE(has(base64(read_file(folder / "arms/guided/seed0/samples/final.png"))));
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const size_t at = text.find(open) + open.size();
  const auto data = nlohmann::json::parse(text.substr(at, text.find("</script>", at) - at));
  EXPECT_EQ(data["arms"][1]["points"][0], nlohmann::json::parse("[3,80,70,90,2]"));
  EXPECT_EQ(data["kimg"], 7);
  EXPECT_EQ(data["arms_seconds"], nlohmann::json::array());
  EXPECT_TRUE(has("all with the same images seen"));
  for (const char* absent : {"By the clock", "What else judges", "mean of the last three", "arms-seconds\\"}) {
    EXPECT_FALSE(has(absent)) << absent;
  }
}

TEST_F(StudyReport, CountsDifferencesInErrorsFromThreeRunsOn) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  results["arms"][1]["difference"]["count"] = 3;
  folder.put("results.json", results.dump());
  EXPECT_NE(page().find("<td>-5.00\u00a0±\u00a01.00</td><td>0.900</td><td>0.679 to 1.19</td><td>–</td><td>-5.0</td>"),
            std::string::npos);
}

TEST_F(StudyReport, SaysWhatAnImageTakesWhereThatIsKnown) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  folder.put("results.json", results.dump());
  EXPECT_EQ(page().find(">Time of an image<br>"), std::string::npos);
  results["arms"][1]["time"] = {{"count", 2}, {"mean", 1.25}, {"error", 0.01}};
  folder.put("results.json", results.dump());
  std::string text = page();
  EXPECT_NE(text.find("<th scope=\"col\">Time of an image<br><small>to alone</small></th></tr>"), std::string::npos);
  EXPECT_NE(text.find("<td>–</td><td>–</td><td>1.25\u00a0±\u00a00.01</td></tr>"), std::string::npos);
  EXPECT_NE(text.find("the ratio of wall seconds of training"), std::string::npos);
  results["time_clock"] = "processor";
  folder.put("results.json", results.dump());
  EXPECT_NE(page().find("the ratio of processor seconds of training divided by the threads"), std::string::npos);
}

TEST_F(StudyReport, SetsEachRunBesideTheControls) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  results["arms"][1]["name"] = "<guided>";
  folder.put("results.json", results.dump());
  const std::string text = page();
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has("<h2>Run by run, beside alone</h2>"));
  // The run of seed 1 failed.
  EXPECT_TRUE(has("aria-label=\"&lt;guided&gt;: 0.900 (0.679 to 1.19); seed 0: 0.900\">"));
  EXPECT_EQ(text.find("seed 1:"), std::string::npos);

  results["control"] = "another";
  folder.put("results.json", results.dump());
  EXPECT_EQ(page().find("class=\"ratios\""), std::string::npos);
}

/// Results with all that the arms can be compared by.
nlohmann::json full_results(const std::string& equal) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  results["equal"] = equal;
  results["clock"] = results["time_clock"] = "processor";
  results["budgets"] = {{0, 30}, {1, 34}};
  results["judge_metric"] = "fd_<y>";
  results["teacher"].update({{"kid_mean", 1.5}, {"precision", 0.9}, {"recall", 0.8}, {"judge_fd", 4.5}});
  const auto ratio = [](double mean) {
    return nlohmann::json{
        {"count", 2},         {"mean", mean},       {"low", 0.5},          {"high", 2},
        {"pooled_low", 0.75}, {"pooled_high", 1.5}, {"pooled_degrees", 4}, {"pooled_deviation", 0.25}};
  };
  for (auto& arm : results["arms"]) {
    arm["curve_seconds"] = {{10, 80, 70, 90, 2}, {30, 56, 51, 61, 2}};
    arm["seconds"] = {{"count", 2}, {"mean", 32}, {"error", 2}};
    arm["fd_at_budget"] = {{"count", 2}, {"mean", 57}, {"error", 3}};
    arm["fd_last3"] = {{"count", 2}, {"mean", 58}, {"error", 4}};
    arm["seconds_to_teacher"] = {{"count", 0}, {"of", 2}};
    arm["seconds_to_control"] = {{"count", 1}, {"mean", 12.5}, {"of", 2}};
    arm["kid_mean"] = {{"count", 2}, {"mean", 2.5}};
    arm["precision"] = {{"count", 2}, {"mean", 0.75}};
    arm["recall"] = {{"count", 2}, {"mean", 0.625}};
    arm["judge_fd"] = {{"count", 2}, {"mean", 6.5}};
    arm["runs"][0]["fd_at_budget"] = 40;
  }
  auto& guided = results["arms"][1];
  guided["runs"][0]["fd_at_budget"] = 20;
  guided["ratio_at_budget"] = ratio(0.51);
  guided["judge_ratio"] = ratio(1.25);
  guided["seconds_to_control_ratio"] = ratio(0.333);
  return results;
}

TEST_F(StudyReport, ShowsArmsByTheClock) {
  folder.put("results.json", full_results("images").dump());
  const std::string text = page();
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has("<h2>By the clock</h2>"));
  EXPECT_LT(text.find("<h2>Arms</h2>"), text.find("<h2>By the clock</h2>"));
  EXPECT_TRUE(has("processor seconds of training divided by the threads"));
  EXPECT_TRUE(has("at 30.0 to 34.0 s"));
  EXPECT_TRUE(has("over all arms is 0.250 with 4 degrees of freedom"));
  EXPECT_TRUE(
      has("<th scope=\"row\">guided</th><td>32.0\u00a0±\u00a02.0</td><td>57.0\u00a0±\u00a03.0</td><td>0.510</td>"
          "<td>0.500 to 2.00</td><td>0.750 to 1.50</td><td>0 of 2</td><td>12.5, 1 of 2</td><td>0.333</td>"
          "<td>0.500 to 2.00</td></tr>"));
  EXPECT_TRUE(has("<small>mean of the last three</small>"));
  EXPECT_TRUE(has("<td>58.0\u00a0±\u00a04.0</td>"));
  EXPECT_TRUE(has("id=\"arms-seconds\""));
  EXPECT_TRUE(has("\"arms_seconds\":[{\"name\":\"alone\",\"points\":[[10"));
  EXPECT_TRUE(has("seed 0: 0.900\">"));  // of the results
}

TEST_F(StudyReport, ComparesAtEqualSecondsAlone) {
  folder.put("results.json", full_results("seconds").dump());
  const std::string text = page();
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has("2 arms over 2 seeds, compared at equal seconds."));
  EXPECT_LT(text.find("<h2>Arms at equal seconds</h2>"), text.find("<h2>Arms</h2>"));
  EXPECT_FALSE(has("By the clock"));
  EXPECT_FALSE(has("in errors"));  // the results were reached at other times
  EXPECT_TRUE(has("aria-label=\"guided: 0.510 (0.500 to 2.00); seed 0: 0.500\">"));
}

TEST_F(StudyReport, ShowsWhatElseJudges) {
  folder.put("results.json", full_results("images").dump());
  const std::string text = page();
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has("<th scope=\"col\">fd_&lt;y&gt;<br><small>the judge, of the result</small></th>"));
  EXPECT_TRUE(
      has("<th scope=\"row\">guided</th><td>2.50</td><td>0.750</td><td>0.625</td><td>6.50</td><td>1.25</td>"
          "<td>0.500 to 2.00</td><td>0.750 to 1.50</td></tr>"));
  EXPECT_TRUE(has("<th scope=\"row\">teacher</th><td>1.50</td><td>0.900</td><td>0.800</td><td>4.50</td>"));
}

TEST_F(StudyReport, ReadsTheResultsOfEarlierVersions) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(DGL_SOURCE_DIR) / "docs/results")) {
    if (!entry.is_directory()) continue;
    ++count;
    const auto results = nlohmann::json::parse(read_file(entry.path() / "results.json"));
    folder.put("results.json", results.dump());
    const std::string text = page();
    EXPECT_NE(text.find("<h2>Arms</h2>"), std::string::npos) << entry.path();
    const char* const key = results.value("equal", "") == "seconds" ? "ratio_at_budget" : "ratio";
    for (const auto& arm : results["arms"]) {
      if (!arm.contains(key) || !arm[key].contains("error")) continue;
      const auto& ratio = arm[key];
      const double mean = ratio["mean"], error = ratio["error"];
      const std::string row = text.substr(text.find("<th scope=\"row\">" + arm["name"].get<std::string>() + "</th>"));
      const auto interval = ratio_interval(TableReader(ratio.dump(), "ratio"));
      ASSERT_TRUE(interval);
      EXPECT_LT(interval->first, mean - error);
      EXPECT_GT(interval->second, mean + error);
      EXPECT_NE(row.find(figure_text(interval->first) + " to " + figure_text(interval->second)), std::string::npos);
    }
  }
  EXPECT_GE(count, 19u);
}

TEST_F(StudyReport, NamesWhatIsMalformed) {
  expect_error([&] { page(); }, {"results.json"});
  folder.put("results.json", "[]");
  expect_error([&] { page(); }, {"results.json", "object"});
  folder.put("results.json", R"({"arms":[{"name":"a","curve":[[1,2]]}]})");
  expect_error([&] { page(); }, {"curve"});
  folder.put("results.json", R"({"arms":[{"name":3}]})");
  expect_error([&] { page(); }, {"results.json", "name", "text"});
}

TEST_F(StudyReport, PicturesOutsideTheFolderStayThere) {
  folder.put("results.json",
             R"({"arms":[{"name":"a","runs":[{"seed":0,"folder":"../x"},{"seed":1,"folder":"/tmp"}]}]})");
  EXPECT_EQ(page().find("<figure>"), std::string::npos);
}

}  // namespace
}  // namespace dgl::test
