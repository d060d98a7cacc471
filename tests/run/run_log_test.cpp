#include "dgl/run/run_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "dgl/base/error.h"
#include "dgl/base/files.h"

namespace dgl {
namespace {

class ReadRunLog : public testing::Test {
 protected:
  void SetUp() override { path_ = fs::temp_directory_path() / fmt::format("dgl_run_log_{}.jsonl", ::getpid()); }
  void TearDown() override { fs::remove(path_); }
  RunLog read(const std::string& text) {
    write_file(path_, text);
    return read_run_log(path_);
  }
  std::string error(const std::string& text) {
    try {
      read(text);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path path_;
};

TEST_F(ReadRunLog, GathersCurvesAndStages) {
  const RunLog log =
      read(R"({"stage":1,"kimg":1,"seconds":3,"loss":{"g_main":0.5},"score":{"real":2},"images_per_second":90})"
           "\n"
           R"({"stage":1,"kimg":2,"seconds":6,"loss":{"g_main":0.4,"d_main":1.5},"fd":120.5,"best":true})"
           "\n"
           R"({"stage":2,"kimg":3,"seconds":9,"loss":{"g_main":null},"fd":null})"
           "\n");
  EXPECT_EQ(log.kimg, 3);
  EXPECT_EQ(log.seconds, 9);
  ASSERT_EQ(log.losses.at("g_main").size(), 2u);
  EXPECT_EQ(log.losses.at("g_main")[1].value, 0.4);
  EXPECT_EQ(log.losses.at("d_main")[0].kimg, 2);
  ASSERT_EQ(log.distance.size(), 1u);
  EXPECT_EQ(log.distance[0].value, 120.5);
  EXPECT_EQ(log.scores.at("real")[0].value, 2);
  EXPECT_EQ(log.images_per_second.size(), 1u);
  ASSERT_EQ(log.stages.size(), 2u);
  EXPECT_EQ(log.stages[0].kimg_start, 0);
  EXPECT_EQ(log.stages[0].kimg_end, 2);
  EXPECT_EQ(log.stages[1].number, 2);
  EXPECT_EQ(log.stages[1].kimg_start, 2);
  EXPECT_EQ(log.stages[1].kimg_end, 3);
}

TEST_F(ReadRunLog, GivesDistancesTheirTimes) {
  LogLine line;
  line.kimg = 2;
  line.seconds = 6;
  line.distance = 120.5;
  line.cpu_seconds = 4.5;
  const RunLog log = read("{\"kimg\":1,\"fd\":200}\n{\"kimg\":1.5,\"seconds\":5}\n" + line.to_json().dump() + "\n");
  ASSERT_EQ(log.evaluations.size(), 2u);
  EXPECT_EQ(log.evaluations[0].distance, 200);
  EXPECT_FALSE(log.evaluations[0].seconds);
  EXPECT_FALSE(log.evaluations[0].cpu_seconds);
  EXPECT_EQ(log.evaluations[1].kimg, 2);
  EXPECT_EQ(log.evaluations[1].distance, 120.5);
  EXPECT_EQ(log.evaluations[1].seconds, 6);
  EXPECT_EQ(log.evaluations[1].cpu_seconds, 4.5);
}

TEST_F(ReadRunLog, GivesCurvesOfOtherMeasures) {
  LogLine line;
  line.kimg = 2;
  EXPECT_FALSE(line.to_json().contains("measures"));
  line.measures = {{"fd_a_to_b", 12.5}, {"cycle_psnr_a", 20}};
  const RunLog log = read(line.to_json().dump() + "\n");
  ASSERT_EQ(log.measures.size(), 2u);
  EXPECT_EQ(log.measures.at("fd_a_to_b")[0].kimg, 2);
  EXPECT_EQ(log.measures.at("fd_a_to_b")[0].value, 12.5);
  EXPECT_TRUE(log.losses.empty());
}

TEST_F(ReadRunLog, PassesOverALastLineThatWasCutOff) {
  EXPECT_EQ(read("{\"kimg\":1}\n{\"kimg\":2,\"lo").kimg, 1);
  EXPECT_EQ(read("{\"kimg\":1}\n{\"kimg\":2}").kimg, 2);
  EXPECT_EQ(read("").kimg, 0);
}

TEST_F(ReadRunLog, NamesFileAndLineOfWhatIsMalformed) {
  const auto said = [&](const std::string& text, const std::string& part) {
    const std::string message = error(text);
    EXPECT_NE(message.find(path_.string()), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  said("{\"kimg\":1}\n{\"kimg\":2,\"lo\n", "line 2: malformed JSON");
  said("{\"kimg\":1}\n[]\n", "line 2: expected a JSON object, got array");
  said("{\"kimg\":1}\n\n", "line 2");
  said("{\"stage\":1}\n", "line 1: key kimg");
  said("{\"kimg\":\"1\"}\n", "line 1: key kimg: expected a number, got string");
  said("{\"kimg\":1,\"loss\":{\"g_main\":[]}}\n", "key loss.g_main: expected a number, got array");
  said("{\"kimg\":1,\"loss\":3}\n", "key loss: expected an object, got number");
  said("{\"kimg\":1,\"stage\":1e9}\n", "key stage");
  said("{\"kimg\":1e999}\n", "line 1: malformed JSON");
  said("{\"kimg\":1,\"x\":\"\xff\"}\n", "line 1: malformed JSON");
  said("{\"kimg\":1,\"x\":\"" + std::string(70000, 'x') + "\"}\n", "line 1: 70017 bytes, expected at most 65536");
  said(std::string(60000, '[') + "\n", "line 1: malformed JSON");
}

TEST_F(ReadRunLog, RefusesEverMoreNames) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += fmt::format("{{\"kimg\":{},\"loss\":{{\"loss{}\":1}}}}\n", i, i);
  EXPECT_NE(error(text).find("line 33: key loss: expected at most 32 names"), std::string::npos) << error(text);
}

TEST(MeanOfLastThree, IsOfAllIfThereAreFewer) {
  EXPECT_EQ(mean_of_last_three({{1, 100}, {2, 7}, {3, 5}, {4, 6}}), 6);
  EXPECT_EQ(mean_of_last_three({{1, 4}, {2, 2}}), 3);
  EXPECT_FALSE(mean_of_last_three({}));
}

TEST(Thinned, KeepsTheEndsAndTheLeast) {
  Curve curve;
  for (int i = 0; i < 1000; ++i) curve.push_back({static_cast<double>(i), i == 501 ? -1.0 : 1.0});
  const Curve kept = thinned(curve, 10);
  EXPECT_EQ(kept.size(), 10u);
  EXPECT_EQ(kept.front().kimg, 0);
  EXPECT_EQ(kept.back().kimg, 999);
  EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [](const CurvePoint& p) { return p.kimg == 501; }));
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end(), [](auto& a, auto& b) { return a.kimg < b.kimg; }));
  EXPECT_EQ(thinned(curve, 1000).size(), 1000u);
}

}  // namespace
}  // namespace dgl
