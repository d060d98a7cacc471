#include "dgl/report/live_report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

class Live : public testing::Test {
 protected:
  Live() { put_log("{\"stage\":1,\"kimg\":1,\"loss\":{\"g_main\":0.5}}\n"); }
  void put_log(const std::string& text) { write_file(run_ / "log.jsonl", text); }
  static std::string content(LiveReport& report, const std::string& path) {
    const HttpAnswer answer = report.answer(path);
    EXPECT_EQ(answer.status, 200) << path;
    return answer.content;
  }
  static nlohmann::json state(LiveReport& report) { return nlohmann::json::parse(content(report, "/state")); }

  test::TemporaryFolder folder_;
  const fs::path run_ = folder_.path();
};

TEST_F(Live, ShowsTheRunAsItIsNow) {
  LiveReport report(run_);
  const std::string first = state(report)["version"];
  EXPECT_NE(content(report, "/report.html").find("1 kimg so far"), std::string::npos);
  EXPECT_EQ(state(report)["version"], first) << "nothing has changed";
  std::ofstream(run_ / "log.jsonl", std::ios::app) << "{\"stage\":1,\"kimg\":2,\"loss\":{\"g_main\":0.4}}\n";
  const auto second = state(report);
  EXPECT_NE(second["version"], first);
  EXPECT_FALSE(second.contains("error"));
  EXPECT_NE(content(report, "/report.html").find("2 kimg so far"), std::string::npos);
  EXPECT_FALSE(fs::exists(run_ / "report.html")) << "a reader writes nothing";
}

TEST_F(Live, KeepsTheLastReportThatCouldBeMade) {
  LiveReport report(run_);
  const std::string first = state(report)["version"];
  put_log("{\"stage\":1}\n");
  const auto broken = state(report);
  EXPECT_EQ(broken["version"], first);
  EXPECT_NE(broken["error"].get<std::string>().find("log.jsonl line 1"), std::string::npos) << broken;
  EXPECT_NE(content(report, "/report.html").find("1 kimg so far"), std::string::npos);
}

TEST_F(Live, ThePageAsksForStateAndReport) {
  LiveReport report(run_);
  const HttpAnswer page = report.answer("/");
  EXPECT_NE(page.content.find("fetch(\"state\""), std::string::npos);
  EXPECT_NE(page.content.find("report.html"), std::string::npos);
  EXPECT_EQ(page.content.find("http://"), std::string::npos) << "nothing comes from elsewhere";
  EXPECT_NE(page.policy.find("connect-src 'self'"), std::string::npos);
}

TEST_F(Live, NoPathIsAFile) {
  folder_.put("secret.txt", "secret");
  LiveReport report(run_);
  for (const std::string path : {"/log.jsonl", "/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "//report.html",
                                 "/report.html/", "/samples/../log.jsonl", "report.html", "", "/etc/passwd"}) {
    EXPECT_EQ(report.answer(path).status, 404) << path;
  }
}

TEST_F(Live, NeedsARun) {
  EXPECT_THROW(LiveReport(folder_ / "none"), Error);
  fs::remove(run_ / "log.jsonl");
  EXPECT_THROW(LiveReport{run_}, Error);
}

}  // namespace
}  // namespace dgl
