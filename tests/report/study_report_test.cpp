#include "dgl/report/study_report.h"

#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/report/html.h"
#include "dgl/report/image_grid.h"
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
          "td><td>control</td><td></td><td>–</td>"));
  EXPECT_TRUE(
      has("<th scope=\"row\">guided</th><td>1, 1 "
          "failed</td><td>45.0</td><td>–</td><td>46.0</td><td>-5.00\u00a0±\u00a01.00</td><td>0.900\u00a0±\u00a00.020</"
          "td><td>–</td>"));
  EXPECT_TRUE(has("<th scope=\"row\">teacher</th><td></td><td>21.0\u00a0±\u00a00.5</td>"));
  EXPECT_TRUE(has("status 1: diverged"));
  EXPECT_TRUE(has("<strong>guided, seed 0</strong>"));
  EXPECT_TRUE(has(base64(read_file(folder / "arms/guided/seed0/samples/final.png"))));
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const size_t at = text.find(open) + open.size();
  const auto data = nlohmann::json::parse(text.substr(at, text.find("</script>", at) - at));
  EXPECT_EQ(data["arms"][1]["points"][0], nlohmann::json::parse("[3,80,70,90,2]"));
  EXPECT_EQ(data["kimg"], 7);
}

TEST_F(StudyReport, CountsDifferencesInErrorsFromThreeRunsOn) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  results["arms"][1]["difference"]["count"] = 3;
  folder.put("results.json", results.dump());
  EXPECT_NE(page().find("<td>-5.00\u00a0±\u00a01.00</td><td>0.900\u00a0±\u00a00.020</td><td>-5.0</td>"),
            std::string::npos);
}

TEST_F(StudyReport, SaysWhatAnImageTakesWhereThatIsKnown) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  folder.put("results.json", results.dump());
  EXPECT_EQ(page().find(">Time<br>"), std::string::npos);
  results["arms"][1]["time"] = {{"count", 2}, {"mean", 1.25}, {"error", 0.01}};
  folder.put("results.json", results.dump());
  const std::string text = page();
  EXPECT_NE(text.find("<th scope=\"col\">Time<br><small>to alone</small></th></tr>"), std::string::npos);
  EXPECT_NE(text.find("<td>0.900\u00a0±\u00a00.020</td><td>–</td><td>1.25\u00a0±\u00a00.01</td></tr>"),
            std::string::npos);
}

TEST_F(StudyReport, SetsEachRunBesideTheControls) {
  nlohmann::json results = nlohmann::json::parse(kResults);
  results["arms"][1]["name"] = "<guided>";
  folder.put("results.json", results.dump());
  const std::string text = page();
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has("<h2>Run by run, beside alone</h2>"));
  // The run of seed 1 failed.
  EXPECT_TRUE(has("aria-label=\"&lt;guided&gt;: 0.900\u00a0±\u00a00.020; seed 0: 0.900\">"));
  EXPECT_EQ(text.find("seed 1:"), std::string::npos);

  results["control"] = "another";
  folder.put("results.json", results.dump());
  EXPECT_EQ(page().find("class=\"ratios\""), std::string::npos);
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
