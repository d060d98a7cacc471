#include "dgl/report/tensorboard.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/run/run_log.h"
#include "event_reader.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

class ExportEvents : public testing::Test {
 protected:
  ExportEvents() { fs::copy(fs::path(DGL_SOURCE_DIR) / "tests/report/fixture", run(), fs::copy_options::recursive); }
  fs::path run() const { return folder_ / "run"; }
  std::string error() {
    try {
      export_events(run(), folder_ / "out");
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  test::TemporaryFolder folder_;
};

TEST_F(ExportEvents, AreTheLogsNumbersAndGrids) {
  const RunLog log = read_run_log(run() / "log.jsonl");
  const int64_t lines = export_events(run(), folder_ / "out");
  const auto events = test::read_events(folder_ / "out");
  const auto steps = test::scalar_steps(events);
  EXPECT_EQ(static_cast<int64_t>(steps.size()), lines);
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(steps.back(), std::llround(log.kimg * 1000));
  std::map<std::string, Curve> curves;
  std::map<std::string, std::vector<int64_t>> grids;
  for (const auto& event : events) {
    for (const auto& [tag, value] : event.scalars) {
      curves[tag].push_back({static_cast<double>(event.step) / 1000, value});
    }
    for (const auto& [tag, image] : event.images) {
      grids[tag].push_back(event.step);
      const std::string name = tag == "samples" ? fmt::format("{:06d}", event.step / 1000) : tag;
      EXPECT_EQ(image.png, read_file(run() / "samples" / (name + ".png")));
    }
  }
  const auto expect_curve = [&](const std::string& tag, const Curve& expected) {
    ASSERT_EQ(curves[tag].size(), expected.size()) << tag;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(curves[tag][i].kimg, expected[i].kimg) << tag;
      EXPECT_EQ(curves[tag][i].value, static_cast<float>(expected[i].value)) << tag;
    }
  };
  ASSERT_FALSE(log.distance.empty());
  expect_curve("fd", log.distance);
  expect_curve("images_per_second", log.images_per_second);
  for (const auto& [name, curve] : log.losses) expect_curve("loss/" + name, curve);
  for (const auto& [name, curve] : log.scores) expect_curve("score/" + name, curve);
  EXPECT_EQ(grids["real"], std::vector<int64_t>{0});
  EXPECT_EQ(grids["teacher"], std::vector<int64_t>{0});
  EXPECT_FALSE(grids["samples"].empty());
  for (const int64_t step : grids["samples"]) EXPECT_NE(std::find(steps.begin(), steps.end(), step), steps.end());
}

TEST_F(ExportEvents, NothingIsWrittenOfADamagedRun) {
  write_file(run() / "samples" / "real.png", "no picture");
  EXPECT_NE(error().find("real.png"), std::string::npos) << error();
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  fs::remove(run() / "samples" / "real.png");
  write_file(run() / "log.jsonl", "{\"kimg\":1,\"loss\":{\"g_main\":0.5}}\n{\"loss\":{}}\n");
  EXPECT_NE(error().find("log.jsonl line 2: key kimg"), std::string::npos) << error();
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  fs::remove(run() / "log.jsonl");
  EXPECT_NE(error().find("log.jsonl"), std::string::npos) << error();
}

TEST_F(ExportEvents, AFolderWithEventsIsLeftAlone) {
  export_events(run(), folder_ / "out");
  const auto files = test::event_files_of(folder_ / "out");
  EXPECT_NE(error().find("holds event files already"), std::string::npos) << error();
  EXPECT_EQ(test::event_files_of(folder_ / "out"), files);
}

}  // namespace
}  // namespace dgl
